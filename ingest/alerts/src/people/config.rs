//! `[[alerts.person]]`, `[[alerts.group]]` and `[alerts.self_test]` of `ingest.toml`.

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;
use tram_rules::{Hazard, Language};

use super::quiet::{Quiet, time_of_day};
use crate::{Config, MAX_PERSON_BYTES, config::Findings};

/// The most people.
pub const MAX_PEOPLE: usize = 500;
/// The most groups.
pub const MAX_GROUPS: usize = 100;
/// The most steps of a chain.
pub const MAX_STEPS: usize = 10;
/// The longest wait for a step, in minutes: a day.
const MAX_AFTER_MIN: u32 = 24 * 60;

/// Somebody who is told, and answers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonConfig {
    /// What groups call them; part of every idempotency key.
    pub id: String,
    /// Their name, as the audit and the receipts show it.
    pub name: String,
    /// The language they read: `vi` (default), `en` or `zh`.
    #[serde(default = "vietnamese")]
    pub language: Language,
    /// When they are not woken for levels below 3, local time, such as `22:00-05:30`.
    #[serde(default)]
    pub quiet: Option<String>,
    /// Where they are reached: the name of a channel and their address there, such as an e-mail
    /// address, a telephone number with its country, or the number of a Telegram chat.
    pub reach: BTreeMap<String, String>,
}

fn vietnamese() -> Language {
    Language::Vi
}

/// People who are on call for some areas and hazards.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupConfig {
    /// Its name; rules may name it in `notify`.
    pub id: String,
    /// The areas it is on call for; all when empty.
    #[serde(default)]
    pub areas: Vec<String>,
    /// The hazards it is on call for; all when empty. A station that says nothing is `equipment`.
    #[serde(default)]
    pub hazards: Vec<Hazard>,
    /// The lowest level it is told about, 0 to 5; 0 adds what has no level.
    #[serde(default = "one")]
    pub min_level: u8,
    /// Who is told when, until somebody has acknowledged.
    pub step: Vec<StepConfig>,
}

fn one() -> u8 {
    1
}

/// One step of a chain.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepConfig {
    /// Minutes after the alarm; 0 in the first step, and more in each.
    #[serde(default)]
    pub after_min: u32,
    /// Who.
    pub people: Vec<String>,
    /// Over which channels; over all they are reached by when empty.
    #[serde(default)]
    pub channels: Vec<String>,
}

/// When each channel is tried.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SelfTestConfig {
    /// The day of the week, such as `monday`.
    pub weekday: Weekday,
    /// The local time, such as `09:00`.
    pub at: String,
    /// The person who gets the tests of the channels that lead to people.
    pub person: String,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "they say it all")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// Everything that is wrong about people and groups.
pub(crate) fn check(config: &Config, findings: &mut Findings) {
    let channels: HashSet<&str> = config.people_channels().collect();
    people(config, &channels, findings);
    groups(config, &channels, findings);
    if let Some(test) = &config.self_test {
        findings.unless(
            time_of_day(&test.at).is_some(),
            "self_test.at",
            "not a time of the day",
            "write `at = \"09:00\"`",
        );
        findings.unless(
            config.person.iter().any(|person| person.id == test.person),
            "self_test.person",
            "no [[alerts.person]] has this id",
            "write the id of whoever looks after the channels",
        );
    }
}

fn people(config: &Config, channels: &HashSet<&str>, findings: &mut Findings) {
    findings.unless(
        config.person.len() <= MAX_PEOPLE,
        "person",
        "more than 500 people",
        "let an office pass messages on",
    );
    let mut ids = HashSet::new();
    for (i, person) in config.person.iter().enumerate() {
        let key = |field: &str| format!("person[{i}].{field}");
        findings.unless(
            simple(&person.id) && ids.insert(person.id.as_str()),
            key("id"),
            "not a name of a-z, 0-9 and -, or the id of another person",
            "write a short name, such as `an`",
        );
        let named = !person.name.trim().is_empty() && person.name.len() <= MAX_PERSON_BYTES;
        findings.unless(named, key("name"), "empty, or longer than 100 bytes", "write a name");
        let quiet = person.quiet.as_deref().is_none_or(|text| Quiet::parse(text).is_some());
        findings.unless(
            quiet,
            key("quiet"),
            "not two times of the day",
            "write `quiet = \"22:00-05:30\"`",
        );
        findings.unless(
            !person.reach.is_empty(),
            key("reach"),
            "nobody can be reached by nothing",
            "write `reach = { CHANNEL = \"ADDRESS\" }`",
        );
        for (channel, address) in &person.reach {
            findings.unless(
                channels.contains(channel.as_str()),
                key("reach"),
                "a channel that is not there, or that leads to no person",
                "write the name of an [[alerts.email]], sms, telegram or zalo",
            );
            let fits = !address.trim().is_empty()
                && address.len() <= 200
                && !address.chars().any(char::is_control);
            findings.unless(fits, key("reach"), "not an address", "write where they are reached");
        }
    }
}

fn groups(config: &Config, channels: &HashSet<&str>, findings: &mut Findings) {
    findings.unless(config.group.len() <= MAX_GROUPS, "group", "more than 100 groups", "join some");
    let mut ids = HashSet::new();
    for (i, group) in config.group.iter().enumerate() {
        let key = |field: &str| format!("group[{i}].{field}");
        findings.unless(
            simple(&group.id) && ids.insert(group.id.as_str()),
            key("id"),
            "not a name of a-z, 0-9 and -, or the id of another group",
            "write a short name, such as `flood-duty`",
        );
        let known = |id: &String| config.area.iter().any(|area| area.id == *id);
        findings.unless(
            group.areas.iter().all(known),
            key("areas"),
            "no [[alerts.area]] has this id",
            "write ids of areas",
        );
        findings.unless(
            group.min_level <= 5,
            key("min_level"),
            "levels go from 0 to 5",
            "write `min_level = 1`",
        );
        findings.unless(
            (1..=MAX_STEPS).contains(&group.step.len()),
            key("step"),
            "a chain has 1 to 10 steps",
            "add a [[alerts.group.step]]",
        );
        let mut before = None;
        for (n, step) in group.step.iter().enumerate() {
            let key = |field: &str| format!("group[{i}].step[{n}].{field}");
            let later = match before {
                None => step.after_min == 0,
                Some(before) => step.after_min > before && step.after_min <= MAX_AFTER_MIN,
            };
            before = Some(step.after_min);
            findings.unless(
                later,
                key("after_min"),
                "the first step is at once, each other one later, the last within a day",
                "write minutes after the alarm, such as `after_min = 15`",
            );
            let person = |id: &String| config.person.iter().any(|person| person.id == *id);
            findings.unless(
                !step.people.is_empty() && step.people.iter().all(person),
                key("people"),
                "nobody, or somebody who is no [[alerts.person]]",
                "write ids of people",
            );
            findings.unless(
                step.channels.iter().all(|channel| channels.contains(channel.as_str())),
                key("channels"),
                "a channel that is not there, or that leads to no person",
                "write the name of an [[alerts.email]], sms, telegram or zalo",
            );
        }
    }
}

/// Whether a name can be part of keys and paths.
pub(crate) fn simple(name: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=48).contains(&name.len()) && name.bytes().all(fits)
}

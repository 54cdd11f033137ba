//! Timelines of people who are told, wake, answer or don't.

use tram_rules::Language;
use tram_wire::{AlarmKind, EpisodeId, UnixMicros};

use super::{Notice, NoticeKind, ReceiptState};
use crate::{
    Config, Delivery, DeliveryResult, Links, NodeAlarm, Secret,
    fixture::{CONFIG, Centre, MINUTE, START, flood, level, word},
    time::HOUR,
};

const PEOPLE: &str = r#"
[[telegram]]
name = "bot"
token_env = "X"

[[email]]
name = "mail"
url = "smtp://127.0.0.1:25"
from = "warnings@example.gov.vn"

[[loudspeaker]]
name = "loa"
stations = ["loa-xom-1"]

[[person]]
id = "an"
name = "Nguyễn Văn An"
reach = { bot = "111", mail = "an@example.gov.vn" }

[[person]]
id = "binh"
name = "Trần Thị Bình"
quiet = "21:00-06:00"
reach = { bot = "222" }

[[person]]
id = "li"
name = "李"
language = "zh"
reach = { bot = "333" }

[[group]]
id = "flood-duty"
areas = ["city"]
hazards = ["flood"]

[[group.step]]
people = ["an", "binh"]
channels = ["bot"]

[[group.step]]
after_min = 15
people = ["li"]

[[group.step]]
after_min = 30
people = ["an"]
"#;

fn config() -> Config {
    toml::from_str(&format!("{CONFIG}{PEOPLE}")).unwrap()
}

fn centre() -> Centre {
    let mut centre = Centre::with(config(), vec![flood()]);
    links(&mut centre);
    centre
}

fn links(centre: &mut Centre) {
    let key = Secret::new(b"0123456789abcdef").unwrap();
    centre.alerts.set_links(Links::new(key, "http://127.0.0.1:8080"));
}

fn notice(delivery: &Delivery) -> Notice {
    serde_json::from_slice(&delivery.body).unwrap()
}

/// Sends whatever is due over a channel now.
fn send(centre: &mut Centre, channel: &str) -> Vec<(String, Notice)> {
    let mut sent = Vec::new();
    loop {
        let due = centre.alerts.due(channel, centre.now).unwrap();
        if due.is_empty() {
            return sent;
        }
        for delivery in due {
            let result = DeliveryResult::Sent(Some(delivery.id.to_string()));
            centre.alerts.done(&delivery, &result, centre.now).unwrap();
            sent.push((delivery.recipient.clone(), notice(&delivery)));
        }
    }
}

/// Lets time pass by the minute and sends what is due.
fn pass(centre: &mut Centre, channel: &str, time: i64) -> Vec<(i64, String, Notice)> {
    let (end, mut sent) = (centre.now.plus(time), Vec::new());
    while centre.now < end {
        centre.now = centre.now.plus(MINUTE);
        centre.alerts.tick(centre.now).unwrap();
        let at = centre.now.since(START) / MINUTE;
        sent.extend(send(centre, channel).into_iter().map(|(who, what)| (at, who, what)));
    }
    sent
}

fn only(centre: &Centre) -> EpisodeId {
    centre.alerts.alarms(centre.now).unwrap().pop().unwrap().id
}

#[test]
fn a_sound_roster_has_no_mistakes_and_each_mistake_names_its_key() {
    assert_eq!(config().check(), []);
    for (from, to, key) in [
        ("id = \"binh\"", "id = \"an\"", "person[1].id"),
        ("id = \"binh\"", "id = \"Bình\"", "person[1].id"),
        ("name = \"李\"", "name = \"\"", "person[2].name"),
        ("21:00-06:00", "21-6", "person[1].quiet"),
        ("bot = \"222\"", "bat = \"222\"", "person[1].reach"),
        ("bot = \"222\"", "", "person[1].reach"),
        ("bot = \"222\"", "bot = \"2\\n2\"", "person[1].reach"),
        ("areas = [\"city\"]", "areas = [\"town\"]", "group[0].areas"),
        ("after_min = 30", "after_min = 15", "group[0].step[2].after_min"),
        ("people = [\"li\"]", "people = [\"le\"]", "group[0].step[1].people"),
        ("channels = [\"bot\"]", "channels = [\"demo\"]", "group[0].step[0].channels"),
        ("name = \"mail\"", "name = \"bot\"", "telegram[0].name"),
        ("token_env = \"X\"", "", "telegram[0].token_file"),
        ("[\"loa-xom-1\"]", "[\"Loa\"]", "loudspeaker[0].stations"),
    ] {
        let text = format!("{CONFIG}{PEOPLE}");
        assert!(text.contains(from), "{from}");
        let config: Config = toml::from_str(&text.replacen(from, to, 1)).unwrap();
        let mistakes = config.check();
        let keys: Vec<&str> = mistakes.iter().map(|m| m.key_path.as_str()).collect();
        assert!(keys.contains(&key), "{to}: {keys:?}");
    }
}

#[test]
fn each_is_told_in_their_language_with_a_link_and_the_next_when_nobody_answers() {
    let mut centre = centre();
    centre.river(&[79_000, 80_100]);
    let first = send(&mut centre, "bot");
    let who: Vec<&str> = first.iter().map(|(who, _)| who.as_str()).collect();
    assert_eq!(who, ["an", "binh"]);
    let said = &first[0].1;
    assert_eq!((said.kind, said.level, said.language), (NoticeKind::Alarm, 1, Language::Vi));
    assert!(said.subject.starts_with("[DIỄN TẬP] "), "{}", said.subject);
    assert!(said.links[0].url.starts_with("http://127.0.0.1:8080/act/"), "{:?}", said.links);
    assert_ne!(said.links[0].url, first[1].1.links[0].url, "each has their own");
    assert_eq!(send(&mut centre, "mail"), [], "the first step is over the bot only");
    let later = pass(&mut centre, "bot", 40 * MINUTE);
    let told: Vec<(i64, &str)> = later.iter().map(|(at, who, _)| (*at, who.as_str())).collect();
    assert_eq!(told, [(17, "li"), (32, "an")]);
    assert!(later[0].2.subject.contains("尚无人确认"), "{}", later[0].2.subject);
    assert_eq!(send(&mut centre, "mail").len(), 1, "the last step is over everything");
    assert_eq!(centre.alerts.counters().unwrap().escalations_total, 2);
}

#[test]
fn an_acknowledgement_ends_the_chain_and_a_higher_level_begins_it_anew() {
    let mut centre = centre();
    centre.river(&[79_000, 80_100]);
    send(&mut centre, "bot");
    let id = only(&centre);
    centre.alerts.acknowledge(&id, "Nguyễn Văn An", "", centre.now).unwrap();
    assert!(pass(&mut centre, "bot", HOUR).is_empty());
    centre.river(&[82_100]);
    let told = pass(&mut centre, "bot", 20 * MINUTE);
    let who: Vec<&str> = told.iter().map(|(_, who, _)| who.as_str()).collect();
    assert_eq!(who, ["an", "binh", "li"]);
    let receipts = centre.alerts.receipts(&id).unwrap();
    let an = receipts.iter().find(|r| r.recipient == "an").unwrap();
    assert_eq!(
        (an.state, an.level, an.name.as_str()),
        (ReceiptState::Confirmed, 2, "Nguyễn Văn An")
    );
}

#[test]
fn a_chain_waits_while_an_alarm_is_shelved_and_goes_on_after() {
    let mut centre = centre();
    centre.river(&[79_000, 80_100]);
    send(&mut centre, "bot");
    let (id, now) = (only(&centre), centre.now);
    centre.alerts.shelve(&id, "an", now.plus(HOUR), "", now).unwrap();
    let told = pass(&mut centre, "bot", 2 * HOUR);
    let told: Vec<(i64, &str)> = told.iter().map(|(at, who, _)| (*at, who.as_str())).collect();
    assert_eq!(told, [(62, "li"), (63, "an")], "two steps were due meanwhile");
}

#[test]
fn quiet_hours_hold_back_what_is_below_level_3_and_nothing_else() {
    let mut centre = centre();
    centre.now = START.plus(14 * HOUR);
    centre.river(&[79_000, 80_100]);
    let told = send(&mut centre, "bot");
    assert_eq!(told.iter().map(|(who, _)| who.as_str()).collect::<Vec<_>>(), ["an"]);
    let id = only(&centre);
    centre.alerts.acknowledge(&id, "an", "", centre.now).unwrap();
    let morning = pass(&mut centre, "bot", 9 * HOUR);
    let told: Vec<(i64, &str)> = morning.iter().map(|(at, who, _)| (*at, who.as_str())).collect();
    assert_eq!(told, [(22 * 60, "binh")]);
    centre.now = START.plus(38 * HOUR);
    centre.river(&[84_000]);
    let told = send(&mut centre, "bot");
    assert_eq!(told.iter().map(|(who, _)| who.as_str()).collect::<Vec<_>>(), ["an", "binh"]);
    assert!(told[0].1.links.len() > 1, "the level needs approval: {:?}", told[0].1.links);
}

#[test]
fn what_waits_for_the_morning_does_not_hurry_what_waits_for_its_turn() {
    let mut centre = centre();
    centre.now = START.plus(14 * HOUR);
    centre.river(&[79_000, 80_100]);
    send(&mut centre, "bot");
    centre.river(&[82_100]);
    send(&mut centre, "bot");
    let (mut looks, end) = (0, centre.now.plus(12 * HOUR));
    while let Some(next) = centre.alerts.next_due("bot", centre.now).unwrap() {
        if next > end {
            break;
        }
        assert!(next > centre.now || looks == 0, "it would be looked at without end");
        centre.now = next;
        looks += 1;
        assert!(!send(&mut centre, "bot").is_empty(), "something was to be sent at {next:?}");
    }
    assert_eq!(looks, 1, "binh, in the morning");
}

#[test]
fn loudspeakers_say_only_what_the_public_may_know_and_the_end_of_it() {
    let mut centre = centre();
    centre.river(&[79_000, 82_100]);
    assert_eq!(send(&mut centre, "loa").len(), 1);
    centre.river(&[84_000]);
    assert_eq!(send(&mut centre, "loa"), [], "level 3 is a draft");
    let id = only(&centre);
    centre.alerts.approve(&id, "Lê Thị Chi", 3, "", centre.now).unwrap();
    let said = send(&mut centre, "loa");
    assert_eq!((said.len(), said[0].1.links.len(), said[0].1.level), (1, 0, 3));
    centre.fall();
    centre.now = centre.now.plus(HOUR);
    let said = send(&mut centre, "loa");
    assert!(said.last().unwrap().1.over);
}

#[test]
fn a_storm_is_a_few_messages_with_the_list_behind_them() {
    let mut config = config();
    // Nobody knows what the rule of the nodes warns of.
    config.group[0].hazards.clear();
    let mut centre = Centre::with(config, vec![flood()]);
    let mut told = Vec::new();
    for n in 0..100_u32 {
        let alarm = |n: u32| {
            let level = if n < 400 { 1 } else { 2 };
            let alarm = word("siren-only", 1, AlarmKind::Raised, level, 0);
            NodeAlarm { episode: number(n), ..alarm }
        };
        centre.take(Vec::new(), (n * 10..n * 10 + 10).map(alarm).collect());
        centre.now = centre.now.plus(6_000_000);
        centre.alerts.tick(centre.now).unwrap();
        told.extend(send(&mut centre, "bot"));
    }
    for _ in 0..60 {
        centre.now = centre.now.plus(MINUTE);
        centre.alerts.tick(centre.now).unwrap();
        told.extend(send(&mut centre, "bot"));
    }
    for person in ["an", "binh", "li"] {
        let all: Vec<&Notice> =
            told.iter().filter(|(who, _)| who == person).map(|(_, what)| what).collect();
        assert!((3..=20).contains(&all.len()), "{person}: {} messages", all.len());
        assert!(all.iter().all(|n| n.lines.len() <= super::MAX_LISTED_EPISODES));
        assert!(all.iter().any(|n| n.more.is_some()));
    }
    // Nothing is left behind: everything has gone into some message.
    assert_eq!(centre.alerts.next_due("bot", centre.now).unwrap(), None);
    let receipts = centre.alerts.receipts(&number(999)).unwrap();
    assert!(receipts.iter().any(|r| r.recipient == "an" && r.state == ReceiptState::Sent));
}

fn number(n: u32) -> EpisodeId {
    let mut id = [0; 16];
    id[..4].copy_from_slice(&n.to_be_bytes());
    EpisodeId(id)
}

#[test]
fn a_message_is_the_same_after_a_crash_and_says_when_it_may_be_a_repetition() {
    let mut centre = centre();
    centre.river(&[79_000, 80_100]);
    let before = centre.alerts.due("bot", centre.now).unwrap();
    centre.crash();
    links(&mut centre);
    let after = centre.alerts.due("bot", centre.now).unwrap();
    assert_eq!(before, after);
    centre.alerts.begin(&after[0], centre.now).unwrap();
    centre.crash();
    links(&mut centre);
    let again = centre.alerts.due("bot", centre.now).unwrap();
    assert_eq!(again.iter().map(|d| d.repeated).collect::<Vec<_>>(), [true, false]);
    assert_eq!(again[0].idempotency_key, before[0].idempotency_key);
    let failed = DeliveryResult::Failed("answered 500".to_owned());
    centre.alerts.done(&again[0], &failed, centre.now).unwrap();
    centre.now = centre.now.plus(MINUTE);
    let due = centre.alerts.due("bot", centre.now).unwrap();
    assert!(due.iter().all(|d| !d.repeated), "a failure is known: {due:?}");
}

#[test]
fn receipts_say_who_was_told_who_opened_and_who_confirmed() {
    let mut centre = centre();
    centre.river(&[79_000, 80_100]);
    let id = only(&centre);
    let states = |centre: &Centre| -> Vec<(String, ReceiptState)> {
        let receipts = centre.alerts.receipts(&id).unwrap();
        receipts.into_iter().map(|r| (format!("{}/{}", r.recipient, r.channel), r.state)).collect()
    };
    let row = |who: &str, state| (who.to_owned(), state);
    assert_eq!(
        states(&centre),
        [
            row("an/bot", ReceiptState::Queued),
            row("binh/bot", ReceiptState::Queued),
            row("demo/demo", ReceiptState::Queued)
        ]
    );
    let due = centre.alerts.due("bot", centre.now).unwrap();
    let sent = DeliveryResult::Sent(Some("m-1".to_owned()));
    centre.alerts.done(&due[0], &sent, centre.now).unwrap();
    centre.deliver();
    assert!(!centre.alerts.arrived("bot", "m-2", centre.now).unwrap());
    assert!(centre.alerts.arrived("bot", "m-1", centre.now).unwrap());
    assert_eq!(states(&centre)[0].1, ReceiptState::Delivered);
    centre.alerts.opened(&id, "Trần Thị Bình", centre.now).unwrap();
    centre.alerts.opened(&id, "somebody else", centre.now).unwrap();
    centre.alerts.acknowledge(&id, "an", "", centre.now).unwrap();
    centre.crash();
    assert_eq!(
        states(&centre),
        [
            row("an/bot", ReceiptState::Confirmed),
            row("binh/bot", ReceiptState::Opened),
            row("demo/demo", ReceiptState::Delivered)
        ]
    );
}

#[test]
fn every_channel_is_tried_once_a_week_and_one_that_does_not_work_is_named() {
    let mut config = config();
    config.self_test = toml::from_str::<Option<super::SelfTestConfig>>(
        "weekday = \"tuesday\"\nat = \"09:00\"\nperson = \"an\"",
    )
    .unwrap();
    let mut centre = Centre::with(config, vec![flood()]);
    assert!(!centre.alerts.tick(centre.now).unwrap().told, "a new installation waits");
    centre.now = START.plus(25 * HOUR);
    assert!(centre.alerts.tick(centre.now).unwrap().told);
    assert!(!centre.alerts.tick(centre.now).unwrap().told, "once");
    let sent = send(&mut centre, "bot");
    assert_eq!((sent[0].0.as_str(), sent[0].1.kind), ("an", NoticeKind::SelfTest));
    assert_eq!(send(&mut centre, "mail")[0].0, "an");
    assert_eq!(send(&mut centre, "loa")[0].0, "loa-xom-1");
    let now = centre.now;
    let due = centre.alerts.due("demo", now).unwrap();
    let gone = DeliveryResult::Failed("connection refused".to_owned());
    centre.alerts.done(&due[0], &gone, now).unwrap();
    let proved = |centre: &Centre, now: UnixMicros| -> Vec<(String, bool)> {
        let states = centre.alerts.channels(now).unwrap();
        states.into_iter().map(|state| (state.name, state.proved)).collect()
    };
    let row = |name: &str, proved| (name.to_owned(), proved);
    assert_eq!(
        proved(&centre, now),
        [row("demo", false), row("loa", true), row("mail", true), row("bot", true)]
    );
    let states = centre.alerts.channels(now).unwrap();
    assert_eq!(states[0].error.as_deref(), Some("connection refused"));
    assert!(proved(&centre, now.plus(super::UNPROVED_AFTER)).iter().all(|(_, proved)| !proved));
}

/// A thousand stations rise at once. Their clocks are wrong by up to ten minutes, and the broker is
/// away for ten: what they measured meanwhile comes all at once, in any order.
#[test]
fn nothing_of_a_storm_is_lost_and_nobody_is_told_a_thousand_times() {
    const STATIONS: usize = 1_000;
    let seed = 20_240_909_u64;
    let mut state = seed;
    let mut random = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let mut config = config();
    config.group[0].areas.clear();
    let mut rule = flood();
    rule.stations = vec![tram_rules::Selector::All];
    // The fixture has a station that never says anything.
    rule.no_data_s = None;
    let mut centre = Centre::with(config, vec![rule]);
    let clocks: Vec<i64> = (0..STATIONS).map(|_| random(1_201).cast_signed() - 600).collect();
    let rises: Vec<i64> = (0..STATIONS).map(|_| 3 + random(12).cast_signed()).collect();
    let (mut held, mut told) = (Vec::new(), Vec::new());
    for minute in 0..40_i64 {
        centre.now = START.plus(minute * MINUTE);
        for (n, (clock, rise)) in clocks.iter().zip(&rises).enumerate() {
            let measured = if minute < *rise { 79_000 } else { 80_300 };
            let mut reading = level(centre.now.plus(clock * 1_000_000), measured);
            reading.station = tram_wire::NodeId::new(&format!("storm-{n}")).unwrap();
            held.push(reading);
        }
        if (5..15).contains(&minute) {
            continue;
        }
        for n in (1..held.len()).rev() {
            held.swap(n, usize::try_from(random(n as u64 + 1)).unwrap());
        }
        centre.take(std::mem::take(&mut held), Vec::new());
        centre.alerts.tick(centre.now).unwrap();
        told.extend(send(&mut centre, "bot"));
    }
    for _ in 0..20 {
        centre.now = centre.now.plus(MINUTE);
        told.extend(send(&mut centre, "bot"));
    }
    let alarms = centre.alerts.alarms(centre.now).unwrap();
    let stations: std::collections::HashSet<&str> =
        alarms.iter().map(|alarm| alarm.station.as_str()).collect();
    assert_eq!((alarms.len(), stations.len()), (STATIONS, STATIONS), "seed {seed}");
    let count = "SELECT count(DISTINCT episode) FROM outbox WHERE target = 'demo'";
    let machine: u32 = centre.alerts.connection.query_row(count, [], |row| row.get(0)).unwrap();
    assert_eq!(machine as usize, STATIONS, "seed {seed}: a machine is told of each");
    for person in ["an", "binh", "li"] {
        let count = told.iter().filter(|(who, _)| who == person).count();
        assert!((1..=20).contains(&count), "seed {seed}, {person}: {count} messages");
    }
    assert_eq!(centre.alerts.next_due("bot", centre.now).unwrap(), None, "seed {seed}");
    for alarm in &alarms {
        let receipts = centre.alerts.receipts(&alarm.id).unwrap();
        let an = receipts.iter().find(|r| r.recipient == "an" && r.channel == "bot").unwrap();
        assert_eq!(an.state, ReceiptState::Sent, "seed {seed}, {}", alarm.station);
    }
}

//! Timelines of the whole engine.

use std::collections::BTreeMap;

use tram_wire::AlarmKind;

use crate::{
    AlarmState, Alerts, AlertsError, Delivery, DeliveryResult, NodeAlarm, Source, check_cap,
    fixture::{Centre, MINUTE, START, flood, level, shipped, told, word},
};

fn kinds(deliveries: &[Delivery]) -> Vec<String> {
    deliveries.iter().map(told).collect()
}

#[test]
fn the_shipped_flood_rule_tells_each_transition_once_and_publishes_levels_1_and_2() {
    let mut centre = Centre::new(vec![flood()]);
    centre.rise();
    let feed = centre.alerts.feed(centre.now).unwrap();
    assert_eq!(feed.body.matches("<entry>").count(), 2);
    assert!(feed.body.contains("báo động I,") && feed.body.contains("báo động II,"));
    centre.river(&[83_600, 86_910]);
    assert_eq!(kinds(&centre.deliver()), ["raised 1", "raised 2", "raised 3"]);
    let now = centre.now;
    let alarms = centre.alerts.alarms(now).unwrap();
    assert_eq!(alarms.len(), 1);
    assert_eq!((alarms[0].level, alarms[0].state), (3, AlarmState::Raised));
    // Level III is a draft: neither in the feed nor to be had by its name.
    assert_eq!(centre.alerts.feed(now).unwrap().etag, feed.etag);
    let (public, draft) = centre.messages().pop().unwrap();
    assert!(!public);
    assert!(draft.contains("<status>Draft</status>") && draft.contains("<scope>Restricted<"));
    let id = alarms[0].id;
    assert_eq!(centre.alerts.cap(&format!("tram-{id}-3")).unwrap(), None);
    assert!(centre.alerts.cap(&format!("tram-{id}-2")).unwrap().is_some());
    assert_eq!(alarms[0].cap.as_deref(), Some(format!("/cap/tram-{id}-2.xml").as_str()));

    centre.fall();
    assert_eq!(kinds(&centre.deliver()), ["cleared 0"]);
    assert!(centre.deliver().is_empty());
    let (public, all_clear) = centre.messages().pop().unwrap();
    assert!(public);
    assert!(all_clear.contains("<responseType>AllClear<"), "{all_clear}");
    assert!(all_clear.contains("<msgType>Update<"), "{all_clear}");
    for (_, message) in centre.messages() {
        assert_eq!(check_cap(message.as_bytes()), [], "{message}");
    }
}

#[test]
fn a_jump_over_every_level_still_publishes_the_highest_that_needs_no_approval() {
    let mut centre = Centre::new(vec![flood()]);
    centre.river(&[79_000, 85_000]);
    let messages = centre.messages();
    assert_eq!(messages.len(), 2);
    assert!(messages[0].0 && messages[0].1.contains("<msgType>Alert<"));
    assert!(messages[0].1.contains("<severity>Moderate<"));
    assert!(messages[0].1.contains("alarm level II, water level 85.00 m"));
    assert!(!messages[1].0 && messages[1].1.contains("<severity>Severe<"));
    // The same level for the public a second time would be noise.
    centre.river(&[86_000, 83_600, 85_000]);
    assert_eq!(centre.messages().len(), 2);
}

#[test]
fn a_draft_is_never_referred_to_by_a_public_message() {
    let mut rule = flood();
    rule.hold_s = 120;
    rule.late_s = 0;
    let mut centre = Centre::new(vec![rule]);
    centre.rise();
    centre.river(&[85_000, 83_000, 83_000, 83_000, 83_000]);
    let messages = centre.messages();
    let (public, last) = messages.last().unwrap();
    assert!(*public && last.contains("<severity>Moderate<"), "{last}");
    let references = last.split("<references>").nth(1).unwrap();
    let references = references.split('<').next().unwrap();
    assert_eq!(references.split(' ').count(), 2, "{references}");
    let drafts = messages.iter().filter(|(public, _)| !public);
    for (_, draft) in drafts {
        let name = draft.split("<identifier>").nth(1).unwrap().split('<').next().unwrap();
        assert!(!last.contains(&format!(",{name},")), "{last}");
    }
}

#[test]
fn a_rule_that_approves_nothing_keeps_everything_out_of_the_feed() {
    let mut rule = flood();
    rule.approve_from = 1;
    let mut centre = Centre::new(vec![rule]);
    centre.rise();
    let feed = centre.alerts.feed(centre.now).unwrap();
    assert_eq!(feed.body.matches("<entry>").count(), 0);
    assert_eq!(kinds(&centre.deliver()), ["raised 1", "raised 2"]);
}

#[test]
fn a_node_that_raised_while_the_network_was_dead_joins_its_episode() {
    let rule = flood();
    let mut centre = Centre::new(vec![rule.clone()]);
    // The words overtake the readings.
    let words = vec![
        word("flood-lao-cai", rule.version, AlarmKind::Raised, 1, 0),
        word("flood-lao-cai", rule.version, AlarmKind::Raised, 2, 2 * MINUTE),
    ];
    centre.now = START.plus(10 * MINUTE);
    centre.take(Vec::new(), words);
    assert_eq!(kinds(&centre.deliver()), ["raised 1", "raised 2"]);
    for minute in -2..8 {
        let value = if minute < 0 { 79_000 } else { 80_000 + minute * 1_000 };
        centre.take(vec![level(START.plus(minute * MINUTE), value.min(83_000))], Vec::new());
    }
    assert_eq!(kinds(&centre.deliver()), Vec::<String>::new());
    let alarms = centre.alerts.alarms(centre.now).unwrap();
    assert_eq!(alarms.len(), 1, "{alarms:#?}");
    assert_eq!((alarms[0].level, alarms[0].source), (2, Source::Node));
    let id = word("flood-lao-cai", rule.version, AlarmKind::Raised, 1, 0).episode;
    assert_eq!(alarms[0].id, id);
}

#[test]
fn a_nodes_own_rule_is_followed_in_whatever_order_its_words_come() {
    let mut centre = Centre::new(Vec::new());
    let words = |kind, level, at| vec![word("siren-only", 4, kind, level, at)];
    centre.take(Vec::new(), words(AlarmKind::Raised, 2, MINUTE));
    centre.take(Vec::new(), words(AlarmKind::Raised, 1, 0));
    let alarm = centre.alerts.alarms(START).unwrap().remove(0);
    assert_eq!((alarm.level, alarm.hazard.as_str()), (2, "unknown"));
    assert_eq!(alarm.headline.en, "Lào Cai: warning siren-only, level 2");
    centre.take(Vec::new(), words(AlarmKind::Cleared, 0, 9 * MINUTE));
    // Once more, and one that is late.
    centre.take(Vec::new(), words(AlarmKind::Cleared, 0, 9 * MINUTE));
    centre.take(Vec::new(), words(AlarmKind::Raised, 4, 5 * MINUTE));
    let alarm = centre.alerts.alarms(START).unwrap().remove(0);
    assert_eq!((alarm.level, alarm.state), (4, AlarmState::Cleared));
    assert_eq!(alarm.cleared_at.as_deref(), Some("2024-09-09T01:09:00Z"));
    let deliveries = centre.deliver();
    assert_eq!(kinds(&deliveries), ["raised 2", "raised 1", "cleared 0", "raised 4"]);
    let body: serde_json::Value = serde_json::from_slice(&deliveries[3].body).unwrap();
    assert_eq!(body["transition"]["late"], true);
    assert_eq!(centre.messages(), [], "without texts there is nothing to publish");
}

#[test]
fn silence_is_an_alarm_of_its_own_and_clears_nothing() {
    let mut centre = Centre::new(vec![flood(), shipped("station-silent.toml")]);
    centre.rise();
    centre.deliver();
    centre.now = centre.now.plus(20 * MINUTE);
    centre.alerts.tick(centre.now).unwrap();
    let alarms = centre.alerts.alarms(centre.now).unwrap();
    let warning = alarms.iter().find(|a| a.rule == "flood-lao-cai" && a.level == 2).unwrap();
    assert!(warning.no_data && warning.state == AlarmState::Raised);
    let silences: Vec<_> = alarms.iter().filter(|a| a.level == 0).collect();
    assert_eq!(silences.len(), 2, "{alarms:#?}");
    assert!(silences.iter().all(|a| a.no_data && a.cap.is_none()));
    centre.river(&[82_600]);
    let alarms = centre.alerts.alarms(centre.now).unwrap();
    assert!(alarms.iter().all(|a| !a.no_data), "{alarms:#?}");
    let mut kinds = kinds(&centre.deliver());
    kinds.sort();
    assert_eq!(kinds, ["data_back 0", "data_back 2", "no_data 0", "no_data 2"]);
}

#[test]
fn a_centre_that_was_down_gives_nodes_time_before_it_calls_them_silent() {
    let mut centre = Centre::new(vec![flood()]);
    centre.river(&[79_000]);
    centre.alerts.flush().unwrap();
    centre.now = centre.now.plus(600 * MINUTE);
    centre.reopen();
    centre.alerts.tick(centre.now).unwrap();
    assert_eq!(centre.alerts.alarms(centre.now).unwrap(), []);
    centre.now = centre.now.plus(3 * MINUTE);
    centre.alerts.tick(centre.now).unwrap();
    assert_eq!(centre.alerts.alarms(centre.now).unwrap().len(), 1);
}

#[test]
fn a_station_that_never_spoke_is_silent_too_even_over_restarts() {
    let mut centre = Centre::new(vec![flood()]);
    // Restarted every five minutes; the rule waits for fifteen.
    for _ in 0..5 {
        for _ in 0..5 {
            centre.now = centre.now.plus(MINUTE);
            centre.alerts.tick(centre.now).unwrap();
        }
        centre.crash();
    }
    let alarms = centre.alerts.alarms(centre.now).unwrap();
    assert_eq!(alarms.len(), 1, "{alarms:#?}");
    assert!(alarms[0].no_data);
}

#[test]
fn an_alarm_of_a_changed_rule_is_withdrawn_with_a_cancel_and_raised_anew() {
    let mut centre = Centre::new(vec![flood()]);
    centre.rise();
    centre.deliver();
    centre.alerts.flush().unwrap();
    centre.rules[0].version += 1;
    centre.reopen();
    centre.river(&[82_700]);
    assert_eq!(kinds(&centre.deliver()), ["withdrawn 0", "raised 2"]);
    let messages = centre.messages();
    let cancel = &messages[2].1;
    assert!(cancel.contains("<msgType>Cancel<") && cancel.contains("<references>"), "{cancel}");
    assert_eq!(check_cap(cancel.as_bytes()), []);
    let alarms = centre.alerts.alarms(centre.now).unwrap();
    let states: Vec<_> = alarms.iter().map(|a| (a.version, a.state)).collect();
    assert!(
        states.contains(&(1, AlarmState::Cleared)) && states.contains(&(2, AlarmState::Raised))
    );
}

#[test]
fn an_alarm_of_a_rule_that_is_gone_is_withdrawn() {
    let mut centre = Centre::new(vec![flood()]);
    centre.rise();
    centre.deliver();
    centre.rules.clear();
    centre.reopen();
    assert_eq!(kinds(&centre.deliver()), ["withdrawn 0"]);
    assert_eq!(centre.alerts.alarms(centre.now).unwrap()[0].state, AlarmState::Cleared);
    centre.reopen();
    assert!(centre.deliver().is_empty());
}

#[test]
fn a_state_that_cannot_be_read_back_begins_anew_and_strands_no_alarm() {
    let mut centre = Centre::new(vec![flood()]);
    centre.rise();
    centre.deliver();
    centre.alerts.connection.execute("UPDATE state SET body = '{}'", []).unwrap();
    centre.reopen();
    assert_eq!(centre.alerts.counters().unwrap().states_lost_total, 1);
    centre.river(&[82_700]);
    assert_eq!(kinds(&centre.deliver()), ["withdrawn 0", "raised 2"]);
    let alarms = centre.alerts.alarms(centre.now).unwrap();
    assert_eq!(alarms.iter().filter(|a| a.state == AlarmState::Raised).count(), 1);
}

#[test]
fn a_late_reading_that_moves_the_start_renames_the_alarm_and_warns_nobody_twice() {
    let mut centre = Centre::new(vec![flood()]);
    centre.river(&[79_000, 79_500, 80_100, 80_200]);
    let before = centre.alerts.alarms(centre.now).unwrap().remove(0);
    centre.take(vec![level(START.plus(MINUTE + MINUTE / 2), 80_050)], Vec::new());
    let alarms = centre.alerts.alarms(centre.now).unwrap();
    assert_eq!(alarms.len(), 1, "{alarms:#?}");
    assert_ne!(alarms[0].id, before.id);
    // Whoever still has the old name finds the alarm.
    let found = centre.alerts.alarm(&before.id, centre.now).unwrap();
    assert_eq!(found.id, alarms[0].id);
    assert_eq!(centre.messages().len(), 1);
    let deliveries = centre.deliver();
    let body: serde_json::Value = serde_json::from_slice(&deliveries[1].body).unwrap();
    assert_eq!(body["transition"]["replaces"], before.id.to_string());
}

#[test]
fn a_message_is_renewed_before_it_expires_and_the_feed_keeps_each_a_day_after_its_end() {
    let mut centre = Centre::new(vec![flood()]);
    centre.rise();
    let feed = |centre: &Centre| centre.alerts.feed(centre.now).unwrap();
    let first = feed(&centre);
    // Five hours pass; the river stays where it is.
    for _ in 0..60 {
        centre.now = centre.now.plus(5 * MINUTE);
        centre.take(vec![level(centre.now, 82_600)], Vec::new());
        centre.alerts.tick(centre.now).unwrap();
    }
    assert_eq!(feed(&centre).body.matches("<entry>").count(), 3);
    assert_ne!(feed(&centre).etag, first.etag);
    let (_, renewal) = centre.messages().pop().unwrap();
    assert!(renewal.contains("<msgType>Update<"));
    assert!(renewal.contains("<severity>Moderate<"));
    centre.fall();
    let ended = feed(&centre);
    assert_eq!(ended.body.matches("<entry>").count(), 4);
    assert_eq!(ended, feed(&centre), "the same entries are the same bytes");
    let day = 24 * 60 * MINUTE;
    centre.now = centre.now.plus(day);
    assert!(feed(&centre).body.contains("<entry>"));
    centre.now = centre.now.plus(day);
    assert!(!feed(&centre).body.contains("<entry>"));
}

#[test]
fn a_higher_level_has_to_be_seen_again_and_ends_a_shelving() {
    let mut centre = Centre::new(vec![flood()]);
    centre.river(&[79_000, 80_100]);
    let now = centre.now;
    let id = centre.alerts.alarms(now).unwrap()[0].id;
    let alarm = centre.alerts.acknowledge(&id, "Giàng A Páo", "đã báo xã", now).unwrap();
    assert_eq!(alarm.acked.unwrap().by, "Giàng A Páo");
    let until = now.plus(60 * MINUTE);
    let alarm = centre.alerts.shelve(&id, "Lý Mẩy", until, "", now).unwrap();
    assert_eq!(alarm.shelved.unwrap().until, crate::time::utc(until));
    assert_eq!(centre.alerts.alarm(&id, until).unwrap().shelved, None);
    centre.crash();
    assert!(centre.alerts.alarm(&id, now).unwrap().acked.is_some());
    centre.catch_up();
    centre.river(&[82_100]);
    let alarm = centre.alerts.alarm(&id, centre.now).unwrap();
    assert_eq!((alarm.acked, alarm.shelved), (None, None));
}

#[test]
fn what_people_send_is_checked() {
    let mut centre = Centre::new(vec![flood()]);
    centre.rise();
    let now = centre.now;
    let id = centre.alerts.alarms(now).unwrap()[0].id;
    let alerts = &mut centre.alerts;
    let invalid = |r: Result<_, AlertsError>| matches!(r, Err(AlertsError::Invalid(_)));
    assert!(invalid(alerts.acknowledge(&id, " ", "", now)));
    assert!(invalid(alerts.acknowledge(&id, &"x".repeat(101), "", now)));
    assert!(invalid(alerts.acknowledge(&id, "x", &"x".repeat(1_001), now)));
    assert!(invalid(alerts.shelve(&id, "x", now, "", now)));
    assert!(invalid(alerts.shelve(&id, "x", now.plus(8 * 24 * 60 * MINUTE), "", now)));
    let unknown = alerts.acknowledge(&tram_wire::EpisodeId([7; 16]), "x", "", now);
    assert!(matches!(unknown, Err(AlertsError::Unknown(_))));
    assert_eq!(alerts.audit(10).unwrap(), []);
}

#[test]
fn a_person_can_take_a_false_alarm_back() {
    let mut centre = Centre::new(vec![flood()]);
    centre.rise();
    centre.deliver();
    let id = centre.alerts.alarms(centre.now).unwrap()[0].id;
    let now = centre.now;
    let alarm = centre.alerts.withdraw(&id, "Trần Văn B", "đo sai", now).unwrap();
    assert_eq!(alarm.state, AlarmState::Cleared);
    assert!(alarm.headline.en.starts_with("Withdrawn: "), "{}", alarm.headline.en);
    assert!(matches!(centre.alerts.withdraw(&id, "x", "", now), Err(AlertsError::Conflict(_))));
    let (public, cancel) = centre.messages().pop().unwrap();
    assert!(public && cancel.contains("<msgType>Cancel<"));
    assert_eq!(check_cap(cancel.as_bytes()), []);
    // The river does not care: a higher level brings it back.
    centre.river(&[84_000]);
    let alarm = centre.alerts.alarm(&id, centre.now).unwrap();
    assert_eq!((alarm.state, alarm.level), (AlarmState::Raised, 3));
    assert_eq!(kinds(&centre.deliver()), ["withdrawn 0", "raised 3"]);
}

#[test]
fn the_audit_shows_that_it_was_touched() {
    let mut centre = Centre::new(vec![flood()]);
    centre.rise();
    let id = centre.alerts.alarms(centre.now).unwrap()[0].id;
    for n in 0..4 {
        centre.alerts.acknowledge(&id, &format!("person {n}"), "", centre.now).unwrap();
    }
    assert_eq!(centre.alerts.verify_audit().unwrap(), None);
    assert_eq!(centre.alerts.audit(1).unwrap()[0].actor, "person 3");
    for (sql, broken) in [
        ("UPDATE audit SET actor = 'nobody' WHERE number = 3", 3),
        ("UPDATE audit SET at = at + 1 WHERE number = 2", 2),
        ("DELETE FROM audit WHERE number = 1", 1),
    ] {
        centre.alerts.connection.execute(sql, []).unwrap();
        assert_eq!(centre.alerts.verify_audit().unwrap(), Some(broken), "{sql}");
    }
}

#[test]
fn a_full_disk_loses_nothing() {
    let mut centre = Centre::new(vec![flood()]);
    centre.river(&[79_000]);
    let pages: i64 =
        centre.alerts.connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    let limit = |centre: &Centre, pages: i64| {
        centre.alerts.connection.pragma_update(None, "max_page_count", pages).unwrap();
    };
    limit(&centre, pages);
    for value in [80_100, 82_050] {
        centre.now = centre.now.plus(MINUTE);
        centre.append(vec![level(centre.now, value)], Vec::new());
        let from = usize::try_from(centre.alerts.position()).unwrap();
        let error = centre.alerts.apply(&centre.log[from..], centre.now).unwrap_err();
        assert!(matches!(error, AlertsError::Full), "{error}");
        assert_eq!(centre.alerts.position(), centre.alerts.cursor());
    }
    limit(&centre, pages + 1_000);
    centre.catch_up();
    assert_eq!(kinds(&centre.deliver()), ["raised 1", "raised 2"]);
}

#[test]
fn entries_seen_before_are_skipped_and_the_cursor_never_passes_what_is_not_on_disk() {
    let mut centre = Centre::new(vec![flood()]);
    centre.river(&[79_000, 79_100, 79_200]);
    // Within one second nothing is written without a transition.
    let before = centre.alerts.cursor();
    for value in [79_300, 79_400] {
        let at = centre.now;
        centre.take(vec![level(at, value)], Vec::new());
    }
    assert!(centre.alerts.cursor() <= before + 1);
    let again = centre.log.clone();
    assert!(centre.alerts.apply(&again, centre.now).unwrap().changed.is_empty());
    centre.alerts.flush().unwrap();
    assert_eq!(centre.alerts.cursor(), 5);
    centre.crash();
    assert_eq!(centre.alerts.position(), 5);
}

/// A transition writes its own state; another station's state may be behind it in the file.
#[test]
fn after_a_crash_each_state_skips_what_it_has_seen() {
    let mut other = flood();
    other.id = tram_wire::RuleId::new("rain").unwrap();
    other.channels = vec![tram_rules::Selector::One(tram_wire::ChannelName::new("rain").unwrap())];
    let mut flood = flood();
    flood.late_s = 0;
    let mut centre = Centre::new(vec![flood, other]);
    centre.river(&[79_000]);
    let rain = |at, value| tram_rules::Observation {
        channel: tram_wire::ChannelName::new("rain").unwrap(),
        ..level(at, value)
    };
    // No time passes, so nothing is written by routine: the flood's transition writes its state
    // only, the rain's readings have to come again.
    let now = centre.now;
    centre.now = now.plus(9);
    centre.take(vec![rain(now.plus(1), 79_000)], Vec::new());
    centre.take(vec![level(now.plus(2), 79_500)], Vec::new());
    centre.take(vec![level(now.plus(3), 80_100)], Vec::new());
    assert_eq!(centre.alerts.position(), 4);
    assert_eq!(centre.alerts.cursor(), 1);
    centre.crash();
    assert_eq!(centre.alerts.position(), 1);
    centre.catch_up();
    assert_eq!(centre.alerts.counters().unwrap().late_readings_total, 0);
    centre.take(vec![rain(now.plus(3), 80_100)], Vec::new());
    let mut kinds = kinds(&centre.deliver());
    kinds.sort();
    assert_eq!(kinds, ["raised 1", "raised 1"]);
}

/// Deterministic numbers (splitmix64); the seed is in every failure's message.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }
}

/// The keys each episode was told with, in order.
fn by_episode(deliveries: &[Delivery]) -> BTreeMap<String, Vec<String>> {
    let mut episodes = BTreeMap::<String, Vec<String>>::new();
    for delivery in deliveries {
        let body: serde_json::Value = serde_json::from_slice(&delivery.body).unwrap();
        let id = body["alarm"]["id"].as_str().unwrap().to_owned();
        episodes.entry(id).or_default().push(delivery.idempotency_key.clone());
    }
    episodes
}

/// The process dies after every kind of step, again and again: each transition reaches a receiver
/// that honours keys exactly once, in order, and the same ones as without a crash.
#[test]
fn a_crash_at_any_point_loses_nothing_and_repeats_only_with_the_same_key() {
    let river = [
        79_000, 80_100, 82_100, 83_600, 85_000, 79_000, 79_000, 79_000, 79_000, 79_000, 80_500,
        79_000, 79_000, 79_000, 79_000, 79_000,
    ];
    let mut rule = flood();
    rule.hold_s = 120;
    rule.late_s = 60;
    let mut calm = Centre::new(vec![rule.clone()]);
    calm.river(&river);
    let expected = by_episode(&calm.deliver());
    assert_eq!(expected.len(), 2, "{expected:?}");
    for seed in 0..12 {
        let mut dice = Dice(seed);
        let mut centre = Centre::new(vec![rule.clone()]);
        let mut honoured: Vec<Delivery> = Vec::new();
        let mut river = river.iter();
        let mut level_next = river.next();
        loop {
            let crash = dice.roll(3) == 0;
            match dice.roll(3) {
                0 => {
                    if let Some(value) = level_next {
                        centre.now = centre.now.plus(MINUTE);
                        let at = centre.now;
                        centre.append(vec![level(at, *value)], Vec::new());
                        level_next = river.next();
                        // Crash point: in the log, not evaluated.
                        if crash {
                            centre.crash();
                        }
                    }
                    centre.catch_up();
                }
                1 => {
                    let now = centre.now;
                    centre.alerts.tick(now).unwrap();
                }
                _ => {
                    let due = centre.alerts.due("demo", centre.now).unwrap();
                    for delivery in due {
                        let key = &delivery.idempotency_key;
                        match honoured.iter().find(|d| d.idempotency_key == *key) {
                            Some(known) => assert_eq!(known.body, delivery.body, "seed {seed}"),
                            None => honoured.push(delivery.clone()),
                        }
                        // Crash point: taken by the receiver, not marked.
                        if dice.roll(3) == 0 {
                            centre.crash();
                            centre.catch_up();
                            break;
                        }
                        let now = centre.now;
                        centre.alerts.done(&delivery, &DeliveryResult::Delivered, now).unwrap();
                    }
                }
            }
            // Crash point: after whatever was committed.
            if crash {
                centre.crash();
                centre.catch_up();
            }
            let waits = centre.alerts.next_due("demo", centre.now).unwrap().is_some();
            if level_next.is_none() && !waits {
                break;
            }
        }
        assert_eq!(by_episode(&honoured), expected, "seed {seed}");
        for (_, message) in centre.messages() {
            assert_eq!(check_cap(message.as_bytes()), [], "seed {seed}: {message}");
        }
        assert_eq!(centre.messages().len(), calm.messages().len(), "seed {seed}");
    }
}

#[test]
fn a_rule_names_who_is_told() {
    let mut rule = flood();
    rule.notify = vec!["somebody-else".to_owned()];
    let mut centre = Centre::new(vec![rule]);
    centre.rise();
    assert!(centre.deliver().is_empty());
    assert_eq!(centre.alerts.alarms(centre.now).unwrap().len(), 1);
}

/// So many rows of episodes, as cheaply as SQLite can make them.
fn fill(centre: &Centre, open: bool, count: u32) {
    let sql = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2) \
        INSERT INTO episode (id, rule, station, open, raised_at, updated_at, body) \
        SELECT 'filler-' || i, 'r', 's', ?1, i, i, '{}' FROM n";
    centre.alerts.connection.execute(sql, (open, count)).unwrap();
}

#[test]
fn too_many_open_episodes_are_refused_and_counted() {
    let mut centre = Centre::new(Vec::new());
    centre.take(Vec::new(), vec![word("known", 1, AlarmKind::Raised, 1, 0)]);
    fill(&centre, true, crate::MAX_OPEN_EPISODES);
    centre.take(Vec::new(), vec![word("new", 1, AlarmKind::Raised, 1, 0)]);
    assert_eq!(centre.alerts.counters().unwrap().episodes_refused_total, 1);
    // What is open already goes on.
    centre.take(Vec::new(), vec![word("known", 1, AlarmKind::Raised, 2, MINUTE)]);
    assert_eq!(kinds(&centre.deliver()), ["raised 1", "raised 2"]);
}

#[test]
fn the_oldest_episodes_that_are_over_are_forgotten_a_few_at_a_time() {
    let mut centre = Centre::new(vec![flood()]);
    centre.rise();
    let id = centre.alerts.alarms(centre.now).unwrap()[0].id;
    let now = centre.now;
    centre.alerts.withdraw(&id, "x", "", now).unwrap();
    fill(&centre, false, crate::MAX_EPISODES + 9);
    centre.alerts.tick(now.plus(MINUTE)).unwrap();
    let left: u32 = centre
        .alerts
        .connection
        .query_row("SELECT count(*) FROM episode", [], |row| row.get(0))
        .unwrap();
    assert_eq!(left, crate::MAX_EPISODES);
    // The newest stays; so would one that waits for its deliveries.
    assert!(centre.alerts.alarm(&id, now).is_ok());
    assert_eq!(centre.deliver().len(), 3);
}

#[test]
fn what_was_done_with_a_siren_is_in_the_audit_once_and_is_no_alarm() {
    let mut centre = Centre::new(Vec::new());
    let test = NodeAlarm {
        version: 0,
        value: tram_wire::Actor::Button as i64,
        ..word(tram_wire::NO_RULE, 0, AlarmKind::Tested, 0, MINUTE)
    };
    let reset = NodeAlarm { value: 3, ..word("flood", 1, AlarmKind::Reset, 3, 2 * MINUTE) };
    centre.take(Vec::new(), vec![test, reset]);
    assert!(centre.alerts.alarms(centre.now).unwrap().is_empty());
    assert!(centre.deliver().is_empty(), "nobody is told of an alarm");
    let told = |alerts: &Alerts| {
        let lines = alerts.audit(10).unwrap();
        lines.into_iter().map(|l| (l.action, l.actor, l.episode)).collect::<Vec<_>>()
    };
    let expected = [
        ("siren-reset", "lao-cai-river-01 (centre)", reset.episode.to_string()),
        ("siren-tested", "lao-cai-river-01 (button)", String::new()),
    ];
    let expected = expected.map(|(a, b, e)| (a.to_owned(), b.to_owned(), e));
    assert_eq!(told(&centre.alerts), expected);
    // The log may be read again after a crash.
    centre.take(Vec::new(), vec![test, reset]);
    assert_eq!(told(&centre.alerts), expected);
    centre.alerts.note_order("order", "Lan", "{}", centre.now).unwrap();
    assert_eq!(centre.alerts.audit(1).unwrap()[0].action, "order");
    assert_eq!(centre.alerts.verify_audit().unwrap(), None);
}

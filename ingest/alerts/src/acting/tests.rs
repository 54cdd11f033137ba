//! Approval, rejection, all-clear and drills as timelines.

use tram_rules::Language;
use tram_wire::EpisodeId;

use super::*;
use crate::{
    AlarmState, DRILL_LASTS, DrillRequest, MAX_DRILLS, check_cap,
    fixture::{Centre, MINUTE, config, flood, told},
};

/// A centre of actual warnings whose river has passed alarm level III.
fn severe() -> (Centre, EpisodeId) {
    let mut config = config();
    config.status = crate::MessageStatus::Actual;
    let mut centre = Centre::with(config, vec![flood()]);
    centre.rise();
    centre.river(&[84_000]);
    let id = centre.alerts.alarms(centre.now).unwrap()[0].id;
    (centre, id)
}

fn text<'a>(xml: &'a str, element: &str) -> &'a str {
    let rest = xml.split(&format!("<{element}>")).nth(1).unwrap_or_default();
    rest.split('<').next().unwrap_or_default()
}

fn state(alarm: &Alarm) -> Option<ApprovalState> {
    alarm.approval.as_ref().map(|approval| approval.state)
}

#[test]
fn a_draft_waits_and_is_published_with_every_earlier_message_once_a_person_approves() {
    let (mut centre, id) = severe();
    let now = centre.now;
    let alarm = centre.alerts.alarm(&id, now).unwrap();
    assert_eq!((state(&alarm), alarm.public_level), (Some(ApprovalState::Waiting), Some(2)));
    let draft = centre.alerts.draft(&id).unwrap().unwrap();
    assert_eq!((text(&draft.xml, "status"), text(&draft.xml, "scope")), ("Draft", "Restricted"));
    let before = centre.alerts.feed(now).unwrap();

    let alarm = centre.alerts.approve(&id, "Lê Thị C", 3, "đã kiểm tra", now).unwrap();
    assert_eq!((state(&alarm), alarm.public_level), (Some(ApprovalState::Approved), Some(3)));
    let (public, xml) = centre.messages().pop().unwrap();
    assert!(public);
    assert_eq!(check_cap(xml.as_bytes()), []);
    assert_eq!((text(&xml, "status"), text(&xml, "msgType")), ("Actual", "Update"));
    assert_eq!(text(&xml, "severity"), "Severe");
    // Both public messages before it still stand; the draft was never the public's.
    assert_eq!(text(&xml, "references").split(' ').count(), 2);
    assert!(!xml.contains(&draft.identifier));
    let after = centre.alerts.feed(now).unwrap();
    assert_ne!(before.etag, after.etag);
    let line = &centre.alerts.audit(1).unwrap()[0];
    assert_eq!((line.action.as_str(), line.actor.as_str()), ("approve", "Lê Thị C"));
    assert!(line.detail.contains(text(&xml, "identifier")), "{}", line.detail);
    let again = centre.alerts.approve(&id, "Lê Thị C", 3, "", now);
    assert!(matches!(again, Err(AlertsError::Conflict(_))), "{again:?}");
    assert_eq!(centre.alerts.audit(9).unwrap().len(), 1, "what was refused is no act");
}

#[test]
fn an_approval_holds_for_the_episode_up_to_its_level_and_ends_with_it() {
    let (mut centre, id) = severe();
    centre.alerts.approve(&id, "Lê Thị C", 3, "", centre.now).unwrap();
    centre.river(&[82_600; 45]);
    assert_eq!(centre.alerts.alarm(&id, centre.now).unwrap().public_level, Some(2));
    centre.river(&[84_000]);
    let alarm = centre.alerts.alarm(&id, centre.now).unwrap();
    assert_eq!((alarm.level, alarm.public_level), (3, Some(3)), "nobody is asked twice");
    centre.fall();
    assert_eq!(centre.alerts.alarm(&id, centre.now).unwrap().public_level, Some(0));
    centre.river(&[84_000]);
    let next = centre.alerts.alarms(centre.now).unwrap().remove(0);
    assert_ne!(next.id, id);
    assert_eq!((state(&next), next.public_level), (Some(ApprovalState::Waiting), Some(2)));
}

#[test]
fn a_renewal_repeats_what_was_approved() {
    let (mut centre, id) = severe();
    centre.alerts.approve(&id, "Lê Thị C", 3, "", centre.now).unwrap();
    let sent = centre.messages().len();
    centre.now = centre.now.plus(5 * HOUR);
    centre.alerts.tick(centre.now).unwrap();
    let messages = centre.messages();
    assert_eq!(messages.len(), sent + 1);
    assert_eq!(text(&messages[sent].1, "severity"), "Severe");
    assert_eq!(text(&messages[sent].1, "msgType"), "Update");
}

#[test]
fn a_rejection_keeps_the_public_where_it_was_until_the_level_changes() {
    let (mut centre, id) = severe();
    let now = centre.now;
    let sent = centre.messages().len();
    let no_reason = centre.alerts.reject(&id, "Lê Thị C", 3, " ", now);
    assert!(matches!(no_reason, Err(AlertsError::Invalid(_))), "{no_reason:?}");
    let alarm = centre.alerts.reject(&id, "Lê Thị C", 3, "cảm biến hỏng", now).unwrap();
    assert_eq!((state(&alarm), alarm.public_level), (Some(ApprovalState::Rejected), Some(2)));
    assert_eq!(alarm.approval.unwrap().comment, "cảm biến hỏng");
    assert_eq!(centre.messages().len(), sent);
    centre.river(&[82_600; 45]);
    centre.river(&[84_000]);
    let alarm = centre.alerts.alarm(&id, centre.now).unwrap();
    assert_eq!(state(&alarm), Some(ApprovalState::Waiting), "it is asked anew");
    // Who has rejected may think better of it.
    centre.alerts.reject(&id, "Lê Thị C", 3, "vẫn hỏng", centre.now).unwrap();
    let alarm = centre.alerts.approve(&id, "Lê Thị C", 3, "đã sửa", centre.now).unwrap();
    assert_eq!(alarm.public_level, Some(3));
}

#[test]
fn nothing_is_approved_that_is_not_what_the_person_saw_or_by_whom_nobody_named() {
    let (mut centre, id) = severe();
    let now = centre.now;
    for level in [0, 1, 2, 4, 5] {
        let result = centre.alerts.approve(&id, "x", level, "", now);
        assert!(matches!(result, Err(AlertsError::Conflict(_))), "{level}: {result:?}");
    }
    centre.config.approvers = vec!["Lê Thị C".to_owned()];
    centre.reopen();
    let result = centre.alerts.approve(&id, "x", 3, "", now);
    assert!(matches!(result, Err(AlertsError::Forbidden(_))), "{result:?}");
    let result = centre.alerts.reject(&id, "x", 3, "y", now);
    assert!(matches!(result, Err(AlertsError::Forbidden(_))), "{result:?}");
    assert!(centre.alerts.acknowledge(&id, "x", "", now).is_ok(), "anybody may have seen it");
    assert!(centre.alerts.approve(&id, "Lê Thị C", 3, "", now).is_ok());
    // A level that needs nobody's word has nothing to approve.
    let mut centre = Centre::new(vec![flood()]);
    centre.rise();
    let id = centre.alerts.alarms(centre.now).unwrap()[0].id;
    let result = centre.alerts.approve(&id, "x", 2, "", centre.now);
    assert!(matches!(result, Err(AlertsError::Conflict(_))), "{result:?}");
    assert_eq!(centre.alerts.draft(&id).unwrap(), None);
}

#[test]
fn an_all_clear_stands_against_everything_but_a_rise() {
    let (mut centre, id) = severe();
    centre.deliver();
    let now = centre.now;
    let silent = centre.alerts.all_clear(&id, "Lê Thị C", "", now);
    assert!(matches!(silent, Err(AlertsError::Invalid(_))), "{silent:?}");
    let alarm = centre.alerts.all_clear(&id, "Lê Thị C", "nước đã rút", now).unwrap();
    assert_eq!((alarm.state, alarm.public_level), (AlarmState::Cleared, Some(0)));
    assert_eq!(alarm.all_clear.as_ref().unwrap().by, "Lê Thị C");
    // Nobody has measured that the water has fallen.
    assert_eq!(alarm.headline.en, "All clear, Lào Cai: Flood");
    let (_, xml) = centre.messages().pop().unwrap();
    assert_eq!((text(&xml, "responseType"), text(&xml, "msgType")), ("AllClear", "Update"));
    assert_eq!(check_cap(xml.as_bytes()), []);
    let sent = centre.messages().len();
    centre.river(&[82_600; 45]);
    assert_eq!(centre.alerts.alarm(&id, centre.now).unwrap().state, AlarmState::Cleared);
    let again = centre.alerts.all_clear(&id, "Lê Thị C", "x", centre.now);
    assert!(matches!(again, Err(AlertsError::Conflict(_))), "{again:?}");
    assert_eq!(centre.messages().len(), sent);
    assert_eq!(centre.deliver().iter().map(told).collect::<Vec<_>>(), ["cleared 0"]);
    centre.river(&[84_500]);
    let back = centre.alerts.alarm(&id, centre.now).unwrap();
    assert_eq!((back.state, back.level, back.all_clear), (AlarmState::Raised, 3, None));
    assert_eq!(back.approval.map(|a| a.state), Some(ApprovalState::Waiting), "asked anew");
    centre.fall();
    let told: Vec<String> = centre.deliver().iter().map(told).collect();
    assert_eq!(told.first().map(String::as_str), Some("raised 3"));
    assert_eq!(told.last().map(String::as_str), Some("cleared 0"));
}

#[test]
fn whoever_is_told_of_a_silent_station_can_still_end_its_warning() {
    let (mut centre, id) = severe();
    centre.now = centre.now.plus(3 * HOUR);
    centre.alerts.tick(centre.now).unwrap();
    let alarm = centre.alerts.alarm(&id, centre.now).unwrap();
    assert!(alarm.no_data && alarm.state == AlarmState::Raised, "{alarm:?}");
    let over = centre.alerts.all_clear(&id, "Lê Thị C", "trạm bị cuốn trôi", centre.now).unwrap();
    assert_eq!(over.state, AlarmState::Cleared);
}

fn request(level: u8) -> DrillRequest<'static> {
    DrillRequest {
        rule: "flood-lao-cai",
        station: "lao-cai-river-01",
        level,
        by: "Lê Thị C",
        comment: "diễn tập tháng 5",
    }
}

/// A drill's texts say so in each language, wherever somebody may read or hear them alone.
fn says_that_it_is_a_drill(xml: &str) {
    assert_eq!(check_cap(xml.as_bytes()), [], "{xml}");
    assert!(["Exercise", "Draft"].contains(&text(xml, "status")), "{xml}");
    assert!(text(xml, "note").starts_with("Drill "), "{xml}");
    for (language, info) in Language::ALL.into_iter().zip(xml.split("<info>").skip(1)) {
        let mark = crate::wording::mark(crate::MessageStatus::Exercise, language);
        assert!(text(info, "headline").starts_with(mark), "{info}");
        let played = crate::wording::played(language);
        assert!(text(info, "description").starts_with(played), "{info}");
        let instruction = text(info, "instruction");
        assert!(instruction.is_empty() || instruction.starts_with(played), "{info}");
    }
}

#[test]
fn a_drill_goes_the_whole_way_and_every_word_of_it_says_so() {
    let mut config = config();
    config.status = crate::MessageStatus::Actual;
    let mut centre = Centre::with(config, vec![flood()]);
    let now = centre.now;
    let alarm = centre.alerts.drill(&request(3), now).unwrap();
    assert!(alarm.drill && alarm.headline.vi.starts_with("[DIỄN TẬP] "), "{alarm:?}");
    assert_eq!((alarm.state, alarm.level), (AlarmState::Raised, 3));
    centre.alerts.acknowledge(&alarm.id, "Trần Văn B", "", now).unwrap();
    centre.alerts.approve(&alarm.id, "Lê Thị C", 3, "", now).unwrap();
    centre.alerts.all_clear(&alarm.id, "Lê Thị C", "hết", now.plus(MINUTE)).unwrap();
    let messages = centre.messages();
    // Level II to the public, the draft, the approved warning, the all-clear.
    assert_eq!(messages.len(), 4);
    for (_, xml) in &messages {
        says_that_it_is_a_drill(xml);
    }
    centre.now = now.plus(MINUTE);
    let deliveries = centre.deliver();
    assert_eq!(deliveries.iter().map(told).collect::<Vec<_>>(), ["raised 3", "cleared 0"]);
    for delivery in deliveries {
        let body: serde_json::Value = serde_json::from_slice(&delivery.body).unwrap();
        assert_eq!((&body["status"], &body["alarm"]["drill"]), (&"exercise".into(), &true.into()));
    }
    // A real warning at the same station is another episode, and an actual one.
    centre.rise();
    let real = centre.alerts.alarms(centre.now).unwrap();
    let real = real.iter().find(|a| !a.drill).unwrap();
    assert_ne!(real.id, alarm.id);
    assert_eq!(text(&centre.messages().pop().unwrap().1, "status"), "Actual");
}

#[test]
fn a_drill_that_nobody_ends_is_over_after_four_hours_and_a_restart_does_not_withdraw_it() {
    let mut centre = Centre::new(vec![flood()]);
    let id = centre.alerts.drill(&request(1), centre.now).unwrap().id;
    centre.rules.clear();
    centre.reopen();
    let state = |centre: &Centre| centre.alerts.alarm(&id, centre.now).unwrap().state;
    assert_eq!(state(&centre), AlarmState::Raised);
    centre.rules.push(flood());
    centre.reopen();
    centre.now = centre.now.plus(DRILL_LASTS - MINUTE);
    centre.alerts.tick(centre.now).unwrap();
    assert_eq!(state(&centre), AlarmState::Raised);
    centre.now = centre.now.plus(MINUTE);
    let changed = centre.alerts.tick(centre.now).unwrap().changed;
    assert!(changed.contains(&id), "{changed:?}");
    assert_eq!(state(&centre), AlarmState::Cleared);
    says_that_it_is_a_drill(&centre.messages().pop().unwrap().1);
}

#[test]
fn drills_are_bounded_and_only_what_a_rule_knows_is_played() {
    let mut centre = Centre::new(vec![flood()]);
    for (n, bad) in [
        DrillRequest { rule: "no-such-rule", ..request(1) },
        DrillRequest { station: "sapa-slope-01", ..request(1) },
        DrillRequest { station: "Sa Pa", ..request(1) },
        request(0),
        request(5),
        DrillRequest { by: "", ..request(1) },
    ]
    .into_iter()
    .enumerate()
    {
        let result = centre.alerts.drill(&bad, centre.now);
        assert!(matches!(result, Err(AlertsError::Invalid(_))), "{n}: {result:?}");
    }
    for n in 0..MAX_DRILLS {
        centre.alerts.drill(&request(1), centre.now.plus(i64::try_from(n).unwrap())).unwrap();
    }
    let more = centre.alerts.drill(&request(1), centre.now.plus(MINUTE));
    assert!(matches!(more, Err(AlertsError::Conflict(_))), "{more:?}");
    assert_eq!(centre.alerts.audit(99).unwrap().len(), MAX_DRILLS);
    let drillable = centre.alerts.drillable();
    assert_eq!(drillable[0].stations, ["lao-cai-river-01"]);
    let levels: Vec<_> = drillable[0].levels.iter().map(|l| (l.level, l.approval)).collect();
    assert_eq!(levels, [(1, false), (2, false), (3, true)]);
}

#[test]
fn every_act_survives_the_death_of_the_process_and_its_line_is_in_the_chain() {
    let (mut centre, id) = severe();
    let now = centre.now;
    let alarm = |centre: &Centre| centre.alerts.alarm(&id, now).unwrap();
    centre.alerts.acknowledge(&id, "a", "", now).unwrap();
    centre.crash();
    assert_eq!(alarm(&centre).acked.unwrap().by, "a");
    centre.alerts.shelve(&id, "b", now.plus(HOUR), "", now).unwrap();
    centre.crash();
    assert_eq!(alarm(&centre).shelved.unwrap().by, "b");
    centre.alerts.reject(&id, "c", 3, "x", now).unwrap();
    centre.crash();
    assert_eq!(state(&alarm(&centre)), Some(ApprovalState::Rejected));
    centre.alerts.approve(&id, "d", 3, "", now).unwrap();
    centre.crash();
    assert_eq!(alarm(&centre).public_level, Some(3));
    centre.alerts.drill(&request(1), now).unwrap();
    centre.crash();
    centre.alerts.all_clear(&id, "e", "x", now).unwrap();
    centre.crash();
    assert_eq!(alarm(&centre).all_clear.unwrap().by, "e");
    let lines = centre.alerts.audit(99).unwrap();
    let actions: Vec<&str> = lines.iter().rev().map(|line| line.action.as_str()).collect();
    assert_eq!(actions, ["ack", "shelve", "reject", "approve", "drill", "all-clear"]);
    assert_eq!(centre.alerts.verify_audit().unwrap(), None);
}

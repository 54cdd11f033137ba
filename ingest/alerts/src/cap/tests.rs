//! Each trap of CAP 1.2, and messages of others.

use std::{fs, path::Path, process::Command, sync::OnceLock};

use super::{FaultKind, check_cap};
use crate::fixture::{Centre, flood, repository};

/// A message of each kind: alert, update, draft, all-clear, cancel, of a test centre.
fn messages() -> &'static [String] {
    static MESSAGES: OnceLock<Vec<String>> = OnceLock::new();
    MESSAGES.get_or_init(sent)
}

fn sent() -> Vec<String> {
    let mut centre = Centre::new(vec![flood()]);
    centre.rise();
    centre.river(&[84_000]);
    centre.fall();
    centre.river(&[81_000]);
    let id = centre.alerts.alarms(centre.now).unwrap()[0].id;
    let now = centre.now;
    centre.alerts.withdraw(&id, "Trần Văn B", "", now).unwrap();
    centre.messages().into_iter().map(|(_, xml)| xml).collect()
}

fn faults(xml: &str) -> Vec<(FaultKind, String)> {
    check_cap(xml.as_bytes()).into_iter().map(|f| (f.kind, f.to_string())).collect()
}

/// The first update of the flood, changed.
fn changed(from: &str, to: &str) -> Vec<(FaultKind, String)> {
    let update = &messages()[1];
    assert!(update.contains(from), "{from} is not in {update}");
    faults(&update.replacen(from, to, 1))
}

fn text<'a>(xml: &'a str, element: &str) -> &'a str {
    let rest = xml.split(&format!("<{element}>")).nth(1).unwrap();
    rest.split('<').next().unwrap()
}

#[test]
fn our_messages_have_no_fault_of_any_kind() {
    let messages = messages();
    assert_eq!(messages.len(), 6);
    for message in messages {
        assert_eq!(faults(message), [], "{message}");
        assert_eq!(message.matches("<info>").count(), 3);
        for language in ["vi-VN", "en-US", "zh-CN"] {
            assert!(message.contains(&format!("<language>{language}</language>")));
        }
        for time in ["sent", "effective", "onset", "expires"] {
            let time = text(message, time);
            assert!(time.ends_with("+07:00") && time.len() == 25, "{time}");
        }
    }
    let kind = |n: usize| (text(&messages[n], "msgType"), text(&messages[n], "status"));
    assert_eq!(kind(0), ("Alert", "Exercise"));
    assert_eq!(kind(1), ("Update", "Exercise"));
    assert_eq!(kind(2), ("Update", "Draft"));
    assert_eq!(kind(3), ("Update", "Exercise"));
    assert_eq!(text(&messages[3], "responseType"), "AllClear");
    assert_eq!(kind(4), ("Alert", "Exercise"));
    assert_eq!(kind(5), ("Cancel", "Exercise"));
}

#[test]
fn our_messages_keep_to_the_schema() {
    let schema = repository().join("../shared/data/cap/CAP-v1.2.xsd");
    if !schema.exists() || Command::new("xmllint").arg("--version").output().is_err() {
        eprintln!("skipped: needs {} and xmllint (libxml2-utils)", schema.display());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (n, message) in messages().iter().enumerate() {
        let path = folder.path().join(format!("{n}.xml"));
        fs::write(&path, message).unwrap();
        let output = Command::new("xmllint")
            .args(["--noout", "--nonet", "--schema"])
            .args([&schema, &path])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_text_from_a_rule_or_an_area_never_becomes_markup() {
    let message = &messages()[0];
    assert!(message.contains("Thành phố &lt;Lào Cai&gt; &amp; ven sông"), "{message}");
}

#[test]
fn an_update_refers_to_every_standing_message_and_a_cancel_too() {
    let messages = messages();
    let reference = |xml: &str| {
        let (identifier, sent) = (text(xml, "identifier"), text(xml, "sent"));
        format!("tram@example.gov.vn,{identifier},{sent}")
    };
    let all_clear = text(&messages[3], "references");
    assert_eq!(all_clear, format!("{} {}", reference(&messages[0]), reference(&messages[1])));
    assert_eq!(text(&messages[5], "references"), reference(&messages[4]));
    assert!(!messages[0].contains("<references>"));
}

#[test]
fn broken_messages_are_refused_with_the_reason() {
    use FaultKind::{Profile, Schema, Standard};
    let update = messages()[1].clone();
    let sent = text(&update, "sent").to_owned();
    let own = format!("tram@example.gov.vn,{},{sent}", text(&update, "identifier"));
    let references = text(&update, "references").to_owned();
    let at = |time: &str| format!("<sent>{time}</sent>");
    let tag = |name: &str, text: &str| format!("<{name}>{text}</{name}>");
    let (sent_tag, references_tag) = (tag("sent", &sent), tag("references", &references));
    let cases: Vec<(&str, String, FaultKind, &str)> = vec![
        // Times.
        (&sent_tag, at("2024-09-09T01:00:00Z"), Schema, "offset"),
        (&sent_tag, at("2024-09-09T08:00:00.000+07:00"), Schema, "offset"),
        (&sent_tag, at("2024-09-09T08:00:00,07:00"), Schema, "offset"),
        (&sent_tag, at("2024-02-30T08:00:00+07:00"), Schema, "offset"),
        (&sent_tag, at("2024-09-09T08:00:00"), Schema, "offset"),
        // Identifiers and references.
        ("<identifier>", "<identifier>a b".into(), Standard, "white space"),
        ("<identifier>", "<identifier>a,".into(), Standard, "comma"),
        ("<sender>", "<sender>&amp;".into(), Standard, "`&`"),
        (&references, own, Standard, "itself"),
        (&references, "a,b,2039-01-01T00:00:00+07:00".into(), Standard, "later"),
        (&references, "a,b".into(), Standard, "separated"),
        (&references_tag, String::new(), Standard, "names the messages"),
        // Order, presence, words.
        ("<status>Exercise</status>", String::new(), Schema, "missing"),
        ("<status>Exercise</status>", tag("status", "exercise"), Schema, "words"),
        ("<scope>Public</scope>", tag("scope", "Restricted"), Standard, "to whom"),
        ("<scope>Public</scope>", tag("scope", "Private"), Standard, "addresses"),
        ("<msgType>Update</msgType>", String::new(), Schema, "missing"),
        (&sent_tag, format!("{sent_tag}{sent_tag}"), Schema, "more than one"),
        ("<info>", "<info><event>x</event>".into(), Schema, "out of order"),
        ("<info>", "<info><surprise>x</surprise>".into(), Schema, "does not know"),
        ("<event>Lũ</event>", tag("event", " "), Schema, "empty"),
        ("<language>vi-VN</language>", tag("language", "tiếng Việt"), Schema, "language tag"),
        // Areas.
        ("<polygon>22.450000,", "<polygon>92.450000,".into(), Standard, "in degrees"),
        (
            "22.530000,104.020000 22.530000,103.930000",
            "22.530000,103.930000 22.530000,104.020000".into(),
            Standard,
            "crosses itself",
        ),
        ("<polygon>", "<polygon>1,1 1,2 1,1</polygon><polygon>".into(), Standard, "4 points"),
        (" 22.450000,103.930000</polygon>", "</polygon>".into(), Standard, "is its first"),
        ("<geocode>", "<circle>22.0,104.0</circle><geocode>".into(), Standard, "radius"),
        ("<geocode>", "<circle>22.0,104.0 -1</circle><geocode>".into(), Standard, "radius"),
        ("<geocode>", "<circle>22.0,104.0 0</circle><geocode>".into(), Profile, "a point"),
        ("</area>", "<ceiling>100</ceiling></area>".into(), Standard, "altitude"),
        // Languages.
        ("<language>vi-VN</language>", tag("language", "en-us"), Profile, "same language"),
        ("<category>Met</category>", tag("category", "Geo"), Standard, "every language"),
        ("<value>flood</value>", tag("value", "deluge"), Standard, "every language"),
        // What readers expect.
        ("<headline>", format!("<headline>{}", "x".repeat(141)), Profile, "140"),
        ("<expires>", "<expires>x".into(), Schema, "offset"),
        ("<web>", "<web></web><contact>x</contact><web>".into(), Schema, "out of order"),
    ];
    for (from, to, kind, expected) in cases {
        let found = changed(from, &to);
        let hit = found.iter().any(|(k, text)| *k == kind && text.contains(expected));
        assert!(hit, "{from} → {to}: {found:#?}, expected {kind:?} {expected}");
    }
}

#[test]
fn a_missing_language_means_english_and_one_text_in_two_languages_is_a_mistake() {
    let found = changed("<language>vi-VN</language>", "");
    assert!(found.iter().any(|(_, text)| text.contains("same language")), "{found:?}");
    let update = &messages()[1];
    let infos: Vec<&str> = update.split("<info>").collect();
    let twice = infos[1].replace("vi-VN", "fr-FR");
    let found = faults(&update.replacen("<info>", &format!("<info>{twice}<info>"), 1));
    assert!(found.iter().any(|(_, text)| text.contains("two languages")), "{found:?}");
}

#[test]
fn universal_time_is_minus_or_plus_zero() {
    for time in ["2024-09-09T01:00:00-00:00", "2024-09-09T01:00:00+00:00"] {
        assert!(super::check::parse_time(time).is_some(), "{time}");
    }
}

/// What is expected of messages of others: the worst kind of fault, or none.
#[test]
fn real_messages_are_accepted_or_refused_as_they_should_be() {
    use FaultKind::{Profile, Schema, Xml};
    let folder = repository().join("../shared/data/cap");
    if !folder.exists() {
        eprintln!("skipped: needs {}", folder.display());
        return;
    }
    let cases: &[(&str, Option<FaultKind>, &str)] = &[
        ("google/canada.cap", None, ""),
        ("google/canada_signed.cap", None, ""),
        ("google/australia.cap", None, ""),
        ("google/wcatwc-warning.cap", Some(Profile), "140 characters"),
        ("google/weather.cap", Some(Schema), "no <alert>"),
        ("google/earthquake-iso8859-1.cap", Some(Xml), "UTF-8"),
        ("google/xee.cap", Some(Xml), "document type"),
        ("oasiscap/ipaws-5e6dd9de023f1930ef6548d9.xml", None, ""),
        ("oasiscap/ipaws-5e6dd964023f1930ef638846.xml", Some(Profile), "web"),
        ("oasiscap/google-PAAQ-4-mg5a94.xml", Some(Profile), "a point"),
        ("oasiscap/nws-5c2cf27b1f56885d61654dc47fa411d5.xml", Some(Schema), "no <alert>"),
        ("oasiscap/v1dot2_appendix_adot1.xml", Some(Profile), "expires"),
        ("oasiscap/v1dot2_appendix_adot2.xml", Some(Profile), "web"),
        ("oasiscap/v1dot2_appendix_adot3.xml", Some(Profile), "a point"),
        ("oasiscap/v1dot2_appendix_adot4.xml", Some(Profile), "expires"),
        ("wmo_tg/valid.xml", Some(Profile), "headline"),
        ("wmo_tg/no_signature.xml", Some(Profile), "headline"),
        ("wmo_tg/invalid_schema.xml", Some(Schema), "certainty: missing"),
        // Signatures are let through and not believed: nobody here knows the signers' keys.
        ("wmo_tg/invalid_signature.xml", Some(Profile), "headline"),
        ("wmo_tg/invalid_digest.xml", Some(Profile), "headline"),
        ("wmo_tg/invalid_certificate.xml", Some(Profile), "headline"),
        // CAP 1.1 is shown when somebody's feed has it, but it is not sound CAP 1.2.
        ("google/earthquake.cap", Some(Schema), "no <alert>"),
        ("google/earthquake_signed.cap", Some(Schema), "no <alert>"),
        ("google/no_optional_fields.cap", Some(Schema), "no <alert>"),
    ];
    for folder in ["google", "oasiscap", "wmo_tg"].map(|name| folder.join(name)) {
        for file in fs::read_dir(&folder).into_iter().flatten() {
            let path = file.unwrap().path();
            let listed = cases.iter().any(|(name, ..)| path.ends_with(name));
            let schema = path.extension().is_some_and(|e| e == "xsd");
            assert!(listed || schema, "what is expected of {}?", path.display());
        }
    }
    for (name, worst, expected) in cases {
        let path = folder.join(Path::new(name));
        let Ok(bytes) = fs::read(&path) else {
            eprintln!("skipped: {} is not there", path.display());
            continue;
        };
        let found = check_cap(&bytes);
        assert_eq!(found.iter().map(|f| f.kind).min(), *worst, "{name}: {found:#?}");
        let named = found.iter().find(|f| f.to_string().contains(expected));
        assert!(worst.is_none() || named.is_some(), "{name}: {found:#?}");
        // Whoever mends it finds the place.
        let lines = bytes.split(|b| *b == b'\n').count();
        assert!(
            found.iter().all(|f| f.line.is_some_and(|l| (1..=lines).contains(&l))),
            "{found:?}"
        );
        // What is no XML or no CAP is not shown either; the rest is, sound or not.
        let shown = super::read_cap(&bytes);
        assert_eq!(shown.is_err(), *worst == Some(Xml), "{name}: {shown:?}");
        let sound = shown.is_ok_and(|alert| alert.sound);
        assert_eq!(sound, matches!(worst, None | Some(Profile)), "{name}");
    }
}

#[test]
fn a_document_full_of_faults_lists_a_hundred() {
    let many = "<x/>".repeat(1_000);
    let xml = format!("<alert xmlns='urn:oasis:names:tc:emergency:cap:1.2'>{many}</alert>");
    assert_eq!(check_cap(xml.as_bytes()).len(), super::MAX_FAULTS);
}

mod properties {
    use proptest::prelude::*;

    use super::*;
    use crate::{cap::element::parse, xml::Xml};

    proptest! {
        #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_text_comes_back_as_it_was(text in "\\PC*|[\\x00-\\x7f]*") {
            let mut xml = Xml::new();
            xml.open("a", &[("b", &text)]);
            xml.leaf("c", &text);
            let root = parse(xml.finish().as_bytes()).unwrap();
            let control = |c: char| c < ' ' && !['\t', '\n', '\r'].contains(&c);
            let expected: String = text
                .chars()
                .map(|c| if control(c) || ['\u{fffe}', '\u{ffff}'].contains(&c) { '\u{fffd}' } else { c })
                .collect();
            prop_assert_eq!(&root.children[0].text, &expected);
        }

        #[test]
        fn nothing_makes_the_check_panic(bytes: Vec<u8>, from: usize, len in 0..40_usize, junk in ".{0,8}") {
            prop_assert!(!check_cap(&bytes).is_empty());
            let message = &messages()[1];
            let at = |i: usize| (0..=i.min(message.len())).rev().find(|i| message.is_char_boundary(*i)).unwrap();
            let from = at(from % message.len());
            let to = at(from + len).max(from);
            let changed = format!("{}{junk}{}", &message[..from], &message[to..]);
            prop_assert!(check_cap(changed.as_bytes()).len() <= super::super::MAX_FAULTS);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever a rule, an area or an office is called, the message keeps to schema and standard.
        #[test]
        fn any_texts_make_a_sound_message(text in "\\PC{1,200}|[\\x00-\\x7f]{1,200}") {
            let mut rule = flood();
            rule.texts.vi.headline.clone_from(&text);
            rule.texts.vi.description.clone_from(&text);
            rule.legal.clone_from(&text);
            let mut config = crate::fixture::config();
            config.area[1].name.zh = format!("x{text}");
            let mut centre = Centre::with(config, vec![rule]);
            centre.river(&[80_100]);
            let messages = centre.messages();
            prop_assert_eq!(messages.len(), 1);
            prop_assert!(messages[0].0, "kept back: {}", messages[0].1);
        }
    }
}

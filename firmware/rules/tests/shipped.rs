//! Every rule file that ships must be readable, in order, and mean what its comments say.
#![expect(clippy::panic, reason = "a test says which file is wrong and why")]

use std::{collections::BTreeMap, fs, path::Path};

use tram_rules::{Hazard, Language, Rule};
use tram_wire::{ChannelName, NodeId, Quantity};

fn folder(name: &str) -> BTreeMap<String, Rule> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config").join(name);
    let mut rules = BTreeMap::new();
    for entry in fs::read_dir(&folder).expect("the folder of rules ships with the project") {
        let path = entry.expect("the folder is readable").path();
        if path.extension().is_none_or(|e| e != "toml") {
            continue;
        }
        let name = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).expect("the file is readable");
        let rule: Rule = toml::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        rule.check().unwrap_or_else(|e| panic!("{name}: {e:#?}"));
        assert_eq!(rule.id.as_str(), name, "a rule is named as its file");
        rules.insert(name, rule);
    }
    rules
}

/// The rules that the sample configurations evaluate, and those beside them to copy from.
fn shipped() -> BTreeMap<String, Rule> {
    let mut all = folder("rules");
    for (name, rule) in folder("rules/more") {
        assert!(all.insert(name.clone(), rule).is_none(), "{name} is in both folders");
    }
    all
}

#[test]
fn every_shipped_rule_parses_and_checks() {
    let names: Vec<_> = folder("rules").into_keys().collect();
    assert_eq!(
        names,
        [
            "air-quality-aqi",
            "flash-flood-sa-pa",
            "flood-lao-cai",
            "heavy-rain-10min",
            "heavy-rain-24h",
            "heavy-rain-60min",
            "landslide-caine",
            "landslide-ha-giang",
            "slope-creep-sa-pa",
            "slope-failure-sa-pa",
            "soil-water-index",
            "station-silent",
            "traffic-tailback-kim-thanh",
        ]
    );
    let more: Vec<_> = folder("rules/more").into_keys().collect();
    assert_eq!(
        more,
        [
            "air-quality-pm2_5",
            "flash-flood-low",
            "flash-flood-medium",
            "flash-flood-very-high",
            "flood-bao-ha",
            "flood-bao-yen",
            "flood-red-river-two-gauges",
            "flood-yen-bai",
        ]
    );
}

/// Art. 46, zone 1: level, rain in 24 h from which on it holds, rainy days before.
#[test]
fn the_flash_flood_rules_have_the_table_of_the_article() {
    let rules = shipped();
    let table = |name: &str| {
        let levels = rules[name].levels.iter();
        let rain = |d: tram_rules::Decimal| d.counts(Quantity::Rain).unwrap();
        levels.map(|l| (l.level, rain(l.raise), l.rainy_days)).collect::<Vec<_>>()
    };
    assert_eq!(table("flash-flood-low"), [(1, 10_000, 1), (2, 40_001, 3)]);
    assert_eq!(table("flash-flood-medium"), [(1, 10_000, 1), (2, 20_001, 3)]);
    assert_eq!(table("flash-flood-sa-pa"), [(2, 10_000, 1), (3, 20_001, 3)]);
    assert_eq!(table("flash-flood-very-high"), [(3, 10_000, 1)]);
}

#[test]
fn the_other_gauges_have_the_levels_of_the_decree() {
    let rules = shipped();
    let table = |name: &str| {
        let levels = rules[name].levels.iter();
        let metres = |d: tram_rules::Decimal| d.counts(Quantity::WaterLevel).unwrap() / 1000;
        levels.map(|l| (l.level, metres(l.raise), l.unofficial)).collect::<Vec<_>>()
    };
    assert_eq!(table("flood-yen-bai"), [(1, 30, false), (2, 31, false), (3, 32, false)]);
    assert_eq!(table("flood-bao-ha"), [(3, 57, false)]);
    assert_eq!(table("flood-bao-yen"), [(1, 71, false), (2, 73, true), (3, 75, true)]);
}

#[test]
fn the_flood_rule_has_the_levels_of_the_decree() {
    let rules = shipped();
    let flood = &rules["flood-lao-cai"];
    let level = |d: tram_rules::Decimal| d.counts(Quantity::WaterLevel);
    let raise: Vec<_> = flood.levels.iter().map(|l| (l.level, level(l.raise), l.risk)).collect();
    assert_eq!(
        raise,
        [(1, Some(80_000), Some(1)), (2, Some(82_000), Some(1)), (3, Some(83_500), Some(2))]
    );
    let unofficial: Vec<_> = (1..=3).map(|l| flood.unofficial_at(l)).collect();
    assert_eq!(unofficial, [false, true, false]);
    let siren: Vec<_> = (0..=3).map(|l| flood.siren(l)).collect();
    assert_eq!(siren, [false, false, false, true]);
    assert!(flood.on_node() && flood.hazard == Hazard::Flood);
}

#[test]
fn what_is_not_in_a_decree_says_so_to_everybody() {
    for (name, rule) in shipped() {
        let official = ["flood-lao-cai", "flood-yen-bai", "flood-bao-ha", "flood-bao-yen"];
        let official = official.contains(&name.as_str()) || name == "station-silent";
        assert_eq!(rule.unofficial, !official, "{name}");
        if rule.unofficial {
            for (language, words) in
                [(Language::Vi, "tham khảo"), (Language::En, "indicative"), (Language::Zh, "参考")]
            {
                let headline = &rule.texts.get(language).headline;
                assert!(headline.contains(words), "{name}: {headline}");
            }
        }
    }
}

#[test]
fn rules_take_the_channels_of_the_shipped_stations() {
    let rules = shipped();
    let takes = |rule: &str, station: &str, channel: &str| {
        rules[rule].applies(&NodeId::new(station).unwrap(), &ChannelName::new(channel).unwrap())
    };
    assert!(takes("flood-lao-cai", "lao-cai-river-01", "water_level"));
    assert!(!takes("flood-lao-cai", "lao-cai-river-01", "rain"));
    assert!(!takes("flood-lao-cai", "sapa-slope-01", "water_level"));
    assert!(takes("heavy-rain-60min", "sapa-slope-01", "rain"));
    assert!(takes("slope-creep-sa-pa", "sapa-slope-01", "tilt_y"));
    assert!(takes("air-quality-pm2_5", "kim-thanh-gate-01", "pm2_5"));
    assert!(takes("station-silent", "anybody-else", "lane1_count"));
}

//! What the tests of this crate share: a configuration, the shipped flood rule, a river.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tram_rules::{Observation, Rule, Words};
use tram_wire::{
    AlarmKind, ChannelName, Flag, NodeId, Quality, Quantity, RuleId, Tests, UnixMicros,
};

use crate::{Alerts, Config, Delivery, DeliveryResult, Entry, NodeAlarm, Station};

/// 2024-09-09T08:00:00+07:00.
pub(crate) const START: UnixMicros = UnixMicros(1_725_843_600_000_000);
pub(crate) const MINUTE: i64 = 60_000_000;

pub(crate) const CONFIG: &str = r#"
sender = "tram@example.gov.vn"
sender_name = { vi = "Ban chỉ huy PCTT Lào Cai", en = "Lào Cai disaster office", zh = "老街省防灾指挥部" }
status = "exercise"
public_url = "http://127.0.0.1:8080"
contact = "0214 000 000"
default_area = "province"

[[area]]
id = "province"
name = { vi = "Tỉnh Lào Cai", en = "Lào Cai province", zh = "老街省" }
circle = { lat = 22.3, lon = 104.1, radius_km = 80.0 }

[[area]]
id = "city"
name = { vi = "Thành phố <Lào Cai> & ven sông", en = "Lào Cai city & river bank", zh = "老街市沿河" }
polygon = [[22.45, 103.93], [22.45, 104.02], [22.53, 104.02], [22.53, 103.93], [22.45, 103.93]]
communes = ["02647", "02650"]
stations = ["lao-cai-river-01"]

[[webhook]]
name = "demo"
url = "http://127.0.0.1:8081/hook"
secret_env = "TRAM_WEBHOOK_SECRET"
"#;

pub(crate) fn config() -> Config {
    toml::from_str(CONFIG).unwrap()
}

pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A rule as it ships.
pub(crate) fn shipped(name: &str) -> Rule {
    let path = repository().join("config/rules").join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    toml::from_str(&text).unwrap()
}

pub(crate) fn flood() -> Rule {
    shipped("flood-lao-cai.toml")
}

pub(crate) fn station() -> NodeId {
    NodeId::new("lao-cai-river-01").unwrap()
}

pub(crate) fn stations() -> Vec<Station> {
    let name = Words { vi: "Lào Cai".into(), en: "Lào Cai".into(), zh: "老街".into() };
    vec![Station { id: station(), name }]
}

pub(crate) fn good() -> Quality {
    Quality { flag: Flag::Good, tests: Tests::NONE }
}

/// The river's level in millimetres at a time.
pub(crate) fn level(at: UnixMicros, value: i64) -> Observation {
    Observation {
        station: station(),
        channel: ChannelName::new("water_level").unwrap(),
        quantity: Quantity::WaterLevel,
        time: at,
        value: Some(value),
        quality: good(),
    }
}

/// A node's word.
pub(crate) fn word(rule: &str, version: u32, kind: AlarmKind, level: u8, at: i64) -> NodeAlarm {
    let rule = RuleId::new(rule).unwrap();
    NodeAlarm {
        station: station(),
        rule,
        version,
        episode: tram_rules::episode_id(&rule, version, &station(), START),
        kind,
        level,
        channel: ChannelName::new("water_level").unwrap(),
        quantity: Quantity::WaterLevel,
        at: START.plus(at),
        value: 82_000,
    }
}

/// An engine on a file of its own, and a log that can be read again.
pub(crate) struct Centre {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) alerts: Alerts,
    pub(crate) log: Vec<Entry>,
    pub(crate) now: UnixMicros,
    pub(crate) rules: Vec<Rule>,
    pub(crate) config: Config,
}

impl Centre {
    pub(crate) fn new(rules: Vec<Rule>) -> Self {
        Self::with(config(), rules)
    }

    pub(crate) fn with(config: Config, rules: Vec<Rule>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts.db");
        let alerts = Alerts::open(&path, &config, rules.clone(), stations(), START).unwrap();
        Self { folder, alerts, log: Vec::new(), now: START, rules, config }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("alerts.db")
    }

    /// Puts an entry into the log and evaluates it.
    pub(crate) fn take(&mut self, observations: Vec<Observation>, alarms: Vec<NodeAlarm>) {
        self.append(observations, alarms);
        self.catch_up();
    }

    /// Puts an entry into the log.
    pub(crate) fn append(&mut self, observations: Vec<Observation>, alarms: Vec<NodeAlarm>) {
        let position = self.log.len() as u64 + 1;
        self.log.push(Entry { position, observations, alarms });
    }

    /// Evaluates what the log holds and the engine has not had.
    pub(crate) fn catch_up(&mut self) {
        let from = usize::try_from(self.alerts.position()).unwrap();
        self.alerts.apply(&self.log[from..], self.now).unwrap();
    }

    /// Lets the river stand at each level for a minute.
    pub(crate) fn river(&mut self, levels: &[i64]) {
        for value in levels {
            self.now = self.now.plus(MINUTE);
            self.take(vec![level(self.now, *value)], Vec::new());
        }
    }

    /// The river rises through alarm levels I and II.
    pub(crate) fn rise(&mut self) {
        self.river(&[79_000, 79_900, 80_100, 81_000, 82_050, 82_600]);
    }

    /// The river falls, and stays down until everything is over.
    pub(crate) fn fall(&mut self) {
        self.river(&[79_000; 60]);
    }

    /// The process dies and starts again: what was not committed is gone.
    pub(crate) fn crash(&mut self) {
        let copy = tempfile::tempdir().unwrap();
        for name in ["alerts.db", "alerts.db-wal"] {
            let from = self.folder.path().join(name);
            if from.exists() {
                fs::copy(&from, copy.path().join(name)).unwrap();
            }
        }
        self.folder = copy;
        self.reopen();
    }

    /// Starts again on the file as it is.
    pub(crate) fn reopen(&mut self) {
        let rules = self.rules.clone();
        self.alerts =
            Alerts::open(&self.path(), &self.config, rules, stations(), self.now).unwrap();
    }

    /// Delivers everything that is due to the receiver `demo`.
    pub(crate) fn deliver(&mut self) -> Vec<Delivery> {
        let mut delivered = Vec::new();
        loop {
            let due = self.alerts.due("demo", self.now).unwrap();
            if due.is_empty() {
                return delivered;
            }
            for delivery in due {
                self.alerts.done(&delivery, &DeliveryResult::Delivered, self.now).unwrap();
                delivered.push(delivery);
            }
        }
    }

    /// Every message that was ever made, public or not, in order.
    pub(crate) fn messages(&self) -> Vec<(bool, String)> {
        let mut query = self
            .alerts
            .connection
            .prepare("SELECT public, xml FROM message ORDER BY sent, rowid")
            .unwrap();
        query
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
            .map(Result::unwrap)
            .collect()
    }
}

/// `kind level` of a webhook's body.
pub(crate) fn told(delivery: &Delivery) -> String {
    let body: serde_json::Value = serde_json::from_slice(&delivery.body).unwrap();
    let transition = &body["transition"];
    format!("{} {}", transition["kind"].as_str().unwrap(), transition["level"])
}

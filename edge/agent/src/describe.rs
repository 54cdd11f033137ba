//! What a station file describes, in words.

use crate::{
    config::{BackendKind, Checked, Config, ScenarioKind},
    enrol::Enrolled,
    speech::Language,
};

/// What a station file describes, a line for each thing.
pub(crate) fn lines(checked: &Checked, language: Language) -> Vec<String> {
    let of = |pair: [String; 2]| language.of(pair);
    let config = &checked.config;
    let (version, node) = (env!("CARGO_PKG_VERSION"), config.node);
    let mut lines = vec![of([
        format!("tram-edge {version}, trạm {node}"),
        format!("tram-edge {version}, station {node}"),
    ])];
    for c in &checked.channels {
        let (name, unit, every) = (c.about.name, c.about.quantity.unit(), c.interval_s);
        let sensor = c.about.sensor;
        lines.push(of([
            format!("  đo      {name} ({unit}) mỗi {every} giây từ {sensor}"),
            format!("  reads   {name} ({unit}) every {every} s from {sensor}"),
        ]));
        let calibration = c.about.calibration;
        if !calibration.as_str().is_empty() {
            lines.push(of([
                format!("          hiệu chuẩn: {calibration}"),
                format!("          calibration: {calibration}"),
            ]));
        }
    }
    let platform = platform(config, language);
    lines.push(of([format!("  trên    {platform}"), format!("  on      {platform}")]));
    for rule in &checked.rules {
        let (id, from) = (rule.id, rule.siren_from.unwrap_or_default());
        lines.push(match &config.siren {
            Some(siren) => of([
                format!("  còi     chân {}, theo quy tắc {id} từ cấp {from}", siren.pin),
                format!("  siren   pin {}, by rule {id} from level {from}", siren.pin),
            ]),
            None => of([
                format!("  còi     không có; quy tắc {id} chỉ gửi báo động"),
                format!("  siren   none; rule {id} is sent as an alarm only"),
            ]),
        });
    }
    let (mib, data) = (config.spool.max_bytes >> 20, config.data.display());
    lines.push(of([
        format!("  giữ     tối đa {mib} MiB trong {data}"),
        format!("  keeps   up to {mib} MiB in {data}"),
    ]));
    lines.push(destination(config, language));
    for notice in &checked.notices {
        let [vi, en] = notice;
        lines.push(of([format!("  lưu ý   {vi}"), format!("  note    {en}")]));
    }
    lines
}

/// Where readings go.
fn destination(config: &Config, language: Language) -> String {
    let node = config.node;
    let to = |url: &str| {
        language.of([
            format!("  gửi     đến {url} với tên {node}"),
            format!("  sends   to {url} as {node}"),
        ])
    };
    if let Some(url) = &config.broker.url {
        return to(&url.to_string());
    }
    match Enrolled::load(&config.data) {
        Ok(Some(enrolled)) => to(&enrolled.note.broker),
        Ok(None) => language.of([
            "  gửi     chưa đến đâu: trạm chưa đăng ký (tram-edge enroll)".to_owned(),
            "  sends   to nobody yet: the station is not enrolled (tram-edge enroll)".to_owned(),
        ]),
        Err(error) => language.of([
            format!("  gửi     không được: {error:#}"),
            format!("  sends   to nobody: {error:#}"),
        ]),
    }
}

fn platform(config: &Config, language: Language) -> String {
    match config.hardware.backend {
        BackendKind::Rppal => "Raspberry Pi".to_owned(),
        BackendKind::Linux => {
            let chip = &config.hardware.gpio_chip;
            language.of([format!("thiết bị Linux, {chip}"), format!("Linux devices, {chip}")])
        }
        BackendKind::Emulator => {
            let e = config.emulator.clone().unwrap_or_default();
            match (e.scenario, e.replay) {
                (ScenarioKind::Replay, Some(path)) => language.of([
                    format!("cảm biến mô phỏng, phát lại {}", path.display()),
                    format!("emulated parts, replaying {}", path.display()),
                ]),
                (scenario, _) => {
                    let scenario = format!("{scenario:?}").to_lowercase();
                    let speed = e.speed;
                    language.of([
                        format!("cảm biến mô phỏng, kịch bản {scenario}, nhanh gấp {speed} lần"),
                        format!("emulated parts, scenario {scenario} at {speed} times its pace"),
                    ])
                }
            }
        }
    }
}

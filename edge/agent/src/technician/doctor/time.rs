//! The clock: who sets it, and whether it can be believed.

use tram_wire::ClockState;

use super::{board::BootConfig, finding::Findings, machine::Machine};
use crate::{
    clock::{Clock, PLAUSIBLE_FROM},
    config::{ClockSource, Config},
};

/// Looks at the clock.
pub(super) fn look(machine: &Machine, config: &Config, findings: &mut Findings) {
    let now = Clock::system(config.clock.source).now();
    if now.unix < PLAUSIBLE_FROM {
        let said = [
            "đồng hồ chưa được chỉnh: chứng thư TLS sẽ bị coi là chưa có hiệu lực".to_owned(),
            "the clock was never set: TLS certificates will look as if not yet valid".to_owned(),
        ];
        return findings.failure("clock", said, set_the_clock());
    }
    match now.state {
        ClockState::Ntp => findings
            .good("clock", ["đồng bộ qua NTP".to_owned(), "synchronised with NTP".to_owned()]),
        ClockState::Rtc => findings.good(
            "clock",
            [
                "lấy từ đồng hồ có pin (RTC)".to_owned(),
                "from a clock with a battery (RTC)".to_owned(),
            ],
        ),
        ClockState::Unsynchronised { .. } => {
            let said = [
                "không ai chỉnh đồng hồ: số đo mang thời gian tính từ lúc khởi động, trung tâm sẽ \
                 ghi lại giờ đúng khi đồng hồ được chỉnh"
                    .to_owned(),
                "nobody sets the clock: readings carry the time since boot, and get their true \
                 time once it is set"
                    .to_owned(),
            ];
            findings.warning("clock", said, set_the_clock());
        }
    }
    if config.clock.source == ClockSource::Rtc && !machine.exists("/dev/rtc0") {
        let path = BootConfig::read(machine).map_or("config.txt".to_owned(), |b| b.path);
        let said = ["không có /dev/rtc0".to_owned(), "there is no /dev/rtc0".to_owned()];
        let remedy = [
            format!("thêm `dtoverlay=i2c-rtc,ds3231` vào {path}, rồi `sudo reboot`"),
            format!("add `dtoverlay=i2c-rtc,ds3231` to {path}, then `sudo reboot`"),
        ];
        findings.failure("clock", said, remedy);
    }
}

fn set_the_clock() -> [&'static str; 2] {
    [
        "nối mạng rồi `sudo timedatectl set-ntp true`; nơi không có mạng, lắp DS3231 và thêm \
         `dtoverlay=i2c-rtc,ds3231` vào config.txt",
        "with a network: `sudo timedatectl set-ntp true`; without one, mount a DS3231 and add \
         `dtoverlay=i2c-rtc,ds3231` to config.txt",
    ]
}

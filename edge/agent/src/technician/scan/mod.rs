//! `tram-edge scan`: what is connected, held against the station file.

mod compare;
mod identify;

use std::{collections::BTreeMap, fs, path::Path, process::ExitCode};

use embedded_hal::delay::DelayNs as _;
use tram_drivers::ultrasonic::{Parser, TRIGGER};

use super::{Station, bench::runs};
use crate::{
    config::{BackendKind, Config, Parts as _, Ultrasonic, UltrasonicModel},
    hal::{Backend, HalError, Input, SharedBus, range},
    run::open_backend,
    speech::{Speech, Tone},
};
use compare::{Line, Seat, Wanted, compare, wanted};
use identify::{ADDRESSES, Answer, identify};

/// A bus on which so many addresses fail one after the other is given up.
const MAX_BROKEN: usize = 3;
/// How long a serial line is listened to.
const LISTEN_MS: u32 = 1_500;
/// How often it is looked at meanwhile.
const LOOK_EVERY_MS: u32 = 50;
/// So many good frames prove a part.
const PROVING_FRAMES: u64 = 3;

pub(crate) const EXAMPLES: &str = "\
Every bus is asked address by address. Parts are recognised by their identification, or by what
they answer; nothing is written to an unknown part but the number of the register to be read. Serial
lines are listened to and pins tried, unless the station is running and uses them.

Examples:
  tram-edge scan --config /etc/tram/edge.toml
  tram-edge scan --config config/edge.toml --emulated

Exit status: 0 every part of the station file is there; 1 one is not; 2 a mistake on the command
line or in the station file.";

pub(crate) const EXAMPLES_VI: &str = "\
Lần lượt hỏi từng địa chỉ trên mọi bus. Linh kiện được nhận ra qua mã nhận dạng hoặc qua cách trả
lời; với linh kiện lạ chỉ ghi số thanh ghi cần đọc, ngoài ra không ghi gì. Cổng nối tiếp được nghe,
các chân được thử, trừ khi trạm đang chạy và đang dùng chúng.

Ví dụ:
  tram-edge scan --config /etc/tram/edge.toml
  tram-edge scan --config config/edge.toml --emulated

Mã kết thúc: 0 là đủ mọi cảm biến trong tệp trạm; 1 là thiếu; 2 là sai dòng lệnh hoặc sai tệp trạm.";

/// Looks and compares.
pub(crate) fn scan(station: &Station, speech: &Speech) -> ExitCode {
    let checked = match station.load(speech) {
        Ok(checked) => checked,
        Err(status) => return status,
    };
    // Parts are looked for as the file describes them, calibrated or not.
    let config = &checked.written;
    let mut backend = match open_backend(config) {
        Ok((backend, ..)) => backend,
        Err(e) => {
            eprintln!("tram-edge: {e:#}");
            return ExitCode::FAILURE;
        }
    };
    let mut report = Report { speech, bad: 0 };
    report.buses(config, backend.as_mut());
    let busy = config.hardware.backend != BackendKind::Emulator && runs(config).unwrap_or(false);
    if busy {
        println!(
            "{}",
            speech.of([
                "trạm đang chạy: không thử cổng nối tiếp và các chân; để thử, dừng trạm bằng \
                 `sudo systemctl stop tram-edge`",
                "the station is running: serial lines and pins are not tried; to try them, stop it \
                 with `sudo systemctl stop tram-edge`",
            ])
        );
    } else {
        report.serial_lines(config, backend.as_mut());
        report.pins(config, backend.as_mut());
    }
    report.end()
}

struct Report<'a> {
    speech: &'a Speech,
    bad: usize,
}

impl Report<'_> {
    fn title(&self, text: &str) {
        println!("{}", self.speech.paint.tone(Tone::Strong, text));
    }

    fn say(&mut self, line: &Line) {
        self.bad += usize::from(line.tone == Tone::Bad);
        self.speech.item(line.tone, &line.text, line.fix.as_deref());
    }

    fn buses(&mut self, config: &Config, backend: &mut dyn Backend) {
        let wanted = wanted(config);
        for bus in buses(config, &wanted) {
            self.title(&self.speech.of([format!("bus I2C {bus}"), format!("I2C bus {bus}")]));
            match survey(bus, config, backend) {
                Ok((seats, broken)) => {
                    for line in compare(self.speech, bus, &seats, &wanted) {
                        self.say(&line);
                    }
                    if let Some(why) = broken {
                        self.say(&broken_bus(self.speech, &why));
                    } else if seats.is_empty() && !wanted.iter().any(|w| w.bus == bus) {
                        let nobody = self.speech.of(["không có linh kiện nào", "nobody"]);
                        self.say(&Line::new(Tone::Faint, nobody.to_owned()));
                    }
                }
                Err(e) => {
                    let line = Line::new(Tone::Bad, self.speech.foreign(&e.to_string()));
                    self.say(&line.fix(ask_the_doctor(self.speech)));
                }
            }
        }
    }

    fn serial_lines(&mut self, config: &Config, backend: &mut dyn Backend) {
        for part in &config.ultrasonic {
            let port = &part.port;
            let title = [format!("cổng nối tiếp {port}"), format!("serial line {port}")];
            self.title(&self.speech.of(title));
            let line = match listen(part, backend) {
                Ok(heard) => heard.told(self.speech, part),
                Err(e) => Line::new(Tone::Bad, self.speech.foreign(&e.to_string()))
                    .fix(ask_the_doctor(self.speech)),
            };
            self.say(&line);
        }
    }

    fn pins(&mut self, config: &Config, backend: &mut dyn Backend) {
        let mut inputs = Vec::new();
        for p in &config.rain_gauge {
            let input = Input { pin: p.pin, active_low: p.active_low, pull: p.pull };
            inputs.push((input, "rain_gauge", p.channels()));
        }
        for p in &config.dual_loop {
            for pin in [p.first_pin, p.second_pin] {
                let input = Input { pin, active_low: p.active_low, pull: p.pull };
                inputs.push((input, "dual_loop", p.channels()));
            }
        }
        if inputs.is_empty() && config.siren.is_none() {
            return;
        }
        self.title(self.speech.of(["các chân", "pins"]));
        for (input, table, channels) in inputs {
            let names: Vec<_> = channels.iter().map(|c| c.name.as_str()).collect();
            let place = format!("GPIO {}  [[{table}]] {}", input.pin, names.join(", "));
            // The line is let go at once.
            let line = match backend.edges(input).map(drop) {
                Ok(()) => Line::new(Tone::Good, place),
                Err(e) => {
                    let text = format!("{place}: {}", self.speech.foreign(&e.to_string()));
                    Line::new(Tone::Bad, text).fix(ask_the_doctor(self.speech))
                }
            };
            self.say(&line);
        }
        if let Some(siren) = &config.siren {
            let text = self.speech.of([
                format!("GPIO {}  [siren]  không thử ở đây, để còi khỏi kêu", siren.pin),
                format!("GPIO {}  [siren]  not tried here, so that it does not sound", siren.pin),
            ]);
            self.say(&Line::new(Tone::Faint, text));
        }
    }

    fn end(&self) -> ExitCode {
        let (n, speech) = (self.bad, self.speech);
        if n == 0 {
            let all = ["đủ mọi cảm biến trong tệp trạm", "every part of the station file is there"];
            println!("{}", speech.paint.tone(Tone::Good, speech.of(all)));
            return ExitCode::SUCCESS;
        }
        let text = speech.of([format!("{n} chỗ không khớp với tệp trạm"), {
            let verb = if n == 1 { "place differs" } else { "places differ" };
            format!("{n} {verb} from the station file")
        }]);
        println!("{}", speech.paint.tone(Tone::Bad, &text));
        ExitCode::FAILURE
    }
}

/// The buses of the machine, and those of the station file.
fn buses(config: &Config, wanted: &[Wanted]) -> Vec<u8> {
    let mut buses: Vec<u8> = wanted.iter().map(|w| w.bus).collect();
    if config.hardware.backend != BackendKind::Emulator {
        let devices = fs::read_dir("/dev").into_iter().flatten().filter_map(Result::ok);
        let number = |name: &str| name.strip_prefix("i2c-").and_then(|n| n.parse::<u8>().ok());
        buses.extend(devices.filter_map(|d| number(&d.file_name().to_string_lossy())));
    }
    buses.sort_unstable();
    buses.dedup();
    buses
}

/// Asks every address of a bus; also says why it was given up, if it was.
fn survey(
    number: u8,
    config: &Config,
    backend: &mut dyn Backend,
) -> Result<(BTreeMap<u8, Seat>, Option<String>), HalError> {
    let mut delay = backend.delay();
    // A part that was switched on a moment ago is given time.
    delay.delay_ms(100);
    let mut bus = SharedBus::new(backend.i2c(number)?);
    let emulated = config.hardware.backend == BackendKind::Emulator;
    let mut seats = BTreeMap::new();
    let mut broken = 0;
    for address in ADDRESSES {
        let driver = if emulated { None } else { kernel_driver(Path::new("/"), number, address) };
        if let Some(driver) = driver {
            seats.insert(address, Seat::Kernel(driver));
            continue;
        }
        match identify(&mut bus, &mut delay, address) {
            Answer::Nobody => broken = 0,
            Answer::Broken(why) => {
                broken += 1;
                if broken == MAX_BROKEN {
                    return Ok((seats, Some(why)));
                }
            }
            answer => {
                broken = 0;
                seats.insert(address, Seat::Asked(answer));
            }
        }
    }
    Ok((seats, None))
}

/// The driver of the kernel that has taken an address, such as that of a real-time clock.
fn kernel_driver(root: &Path, bus: u8, address: u8) -> Option<String> {
    let link = root.join(format!("sys/bus/i2c/devices/{bus}-{address:04x}/driver"));
    let driver = fs::read_link(link).ok()?;
    Some(driver.file_name()?.to_string_lossy().into_owned())
}

fn broken_bus(speech: &Speech, why: &str) -> Line {
    let text =
        speech.of([format!("bus không làm việc: {why}"), format!("the bus does not work: {why}")]);
    Line::new(Tone::Bad, text).fix(
        speech.of([
            "có linh kiện đang giữ dây SDA hoặc SCL: tắt nguồn, tháo từng cái một rồi thử lại"
                .to_owned(),
            "a part holds SDA or SCL: switch off, take them off one by one and try again"
                .to_owned(),
        ]),
    )
}

fn ask_the_doctor(speech: &Speech) -> String {
    speech
        .of([
            "`tram-edge doctor` cho biết phải làm gì",
            "`tram-edge doctor` says what to do about it",
        ])
        .to_owned()
}

/// What came over a serial line.
#[derive(Debug, Default)]
struct Heard {
    bytes: usize,
    frames: u64,
    wrong_sum: u64,
}

fn listen(part: &Ultrasonic, backend: &mut dyn Backend) -> Result<Heard, HalError> {
    let mut line = backend.serial(&part.port, part.baud)?;
    let mut delay = backend.delay();
    let mut parser = Parser::new(range(part));
    let mut heard = Heard::default();
    let mut buf = [0; 256];
    for _ in 0..LISTEN_MS / LOOK_EVERY_MS {
        if part.model == UltrasonicModel::JsnSr04t {
            line.write(TRIGGER)?;
        }
        delay.delay_ms(LOOK_EVERY_MS);
        let n = line.read(&mut buf)?;
        heard.bytes += n;
        for byte in buf.iter().take(n) {
            let _ = parser.feed(*byte);
        }
        let counts = parser.counts();
        heard.frames = counts.distances + counts.no_echo;
        heard.wrong_sum = counts.wrong_sum;
        if heard.frames >= PROVING_FRAMES {
            break;
        }
    }
    Ok(heard)
}

impl Heard {
    fn told(&self, speech: &Speech, part: &Ultrasonic) -> Line {
        let Self { bytes, frames, .. } = self;
        let (level, baud) = (part.water_level, part.baud);
        if *frames >= PROVING_FRAMES {
            let text = speech.of([
                format!("{frames} khung dữ liệu đúng  [[ultrasonic]] {level}"),
                format!("{frames} good frames  [[ultrasonic]] {level}"),
            ]);
            return Line::new(Tone::Good, text);
        }
        if *bytes == 0 {
            let text = speech.of([
                format!("không nghe thấy gì  [[ultrasonic]] {level}"),
                format!("nothing is heard  [[ultrasonic]] {level}"),
            ]);
            return Line::new(Tone::Bad, text).fix(speech.of([
                "kiểm tra nguồn, và dây TX của cảm biến phải nối vào RXD (chân 10); xem `model` có \
                 đúng loại không"
                    .to_owned(),
                "check its supply, and that its TX goes to RXD (pin 10); is `model` the right one?"
                    .to_owned(),
            ]));
        }
        let text = speech.of([
            format!("{bytes} byte nhưng không thành khung dữ liệu  [[ultrasonic]] {level}"),
            format!("{bytes} bytes that make no frames  [[ultrasonic]] {level}"),
        ]);
        Line::new(Tone::Bad, text).fix(speech.of([
            format!(
                "tốc độ {baud} baud có đúng không? Có bàn giao tiếp đăng nhập trên cổng không?"
            ),
            format!("is {baud} baud right? Is there a login console on the line?"),
        ]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_driver_of_the_kernel_is_found_by_its_link() {
        let root = tempfile::tempdir().unwrap();
        let device = root.path().join("sys/bus/i2c/devices/1-0068");
        fs::create_dir_all(&device).unwrap();
        let driver = "../../../bus/i2c/drivers/rtc-ds1307";
        std::os::unix::fs::symlink(driver, device.join("driver")).unwrap();
        assert_eq!(kernel_driver(root.path(), 1, 0x68).as_deref(), Some("rtc-ds1307"));
        assert_eq!(kernel_driver(root.path(), 1, 0x69), None);
        assert_eq!(kernel_driver(root.path(), 0, 0x68), None);
    }
}

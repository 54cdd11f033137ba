//! What answers, held against what the station file says.

use std::collections::BTreeMap;

use tram_wire::ChannelName;

use super::identify::{Answer, Part, Proof};
use crate::{
    config::{Config, Parts},
    speech::{Speech, Tone},
};

/// A part of the station file that hangs on a bus.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) bus: u8,
    pub(super) address: u8,
    table: &'static str,
    channels: Vec<ChannelName>,
}

/// The parts that hang on buses.
pub(super) fn wanted(config: &Config) -> Vec<Wanted> {
    let mut all = Vec::new();
    let mut add = |bus, address, table, named: Vec<crate::config::Named>| {
        let channels = named.iter().map(|n| n.name).collect();
        all.push(Wanted { bus, address, table, channels });
    };
    for p in &config.dps310 {
        add(p.bus, p.address, "dps310", p.channels());
    }
    for p in &config.tmp105 {
        add(p.bus, p.address, "tmp105", p.channels());
    }
    for p in &config.sht4x {
        add(p.bus, p.address, "sht4x", p.channels());
    }
    for p in &config.sen5x {
        add(p.bus, 0x69, "sen5x", p.channels());
    }
    for p in &config.adxl355 {
        add(p.bus, p.address, "adxl355", p.channels());
    }
    all
}

/// Who sits at an address: somebody who was asked, or somebody the kernel drives itself.
#[derive(Debug, Clone)]
pub(super) enum Seat {
    Asked(Answer),
    /// The kernel's driver.
    Kernel(String),
}

/// A line of the answer.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) tone: Tone,
    pub(super) text: String,
    pub(super) fix: Option<String>,
}

impl Line {
    pub(super) fn new(tone: Tone, text: String) -> Self {
        Self { tone, text, fix: None }
    }

    pub(super) fn fix(self, fix: String) -> Self {
        Self { fix: Some(fix), ..self }
    }
}

/// What to say about one bus, address by address.
pub(super) fn compare(
    speech: &Speech,
    bus: u8,
    seats: &BTreeMap<u8, Seat>,
    wanted: &[Wanted],
) -> Vec<Line> {
    let here: Vec<&Wanted> = wanted.iter().filter(|w| w.bus == bus).collect();
    let mut addresses: Vec<u8> = seats.keys().copied().collect();
    addresses.extend(here.iter().map(|w| w.address));
    addresses.sort_unstable();
    addresses.dedup();
    let line = |address: u8| {
        let own = here.iter().find(|w| w.address == address);
        match (seats.get(&address), own) {
            (Some(Seat::Kernel(driver)), own) => kernel(speech, address, driver, own.is_some()),
            (Some(Seat::Asked(Answer::Known(part))), Some(own)) => {
                known(speech, address, part, own)
            }
            (Some(Seat::Asked(Answer::Known(part))), None) => extra(speech, bus, address, part),
            (Some(Seat::Asked(Answer::Stranger)), Some(own)) => {
                let (table, channels) = (own.table, own.named());
                let text = speech.of([
                    format!(
                        "{address:#04x}  có trả lời nhưng không xưng tên  [[{table}]] {channels}"
                    ),
                    format!(
                        "{address:#04x}  answers, but does not say who  [[{table}]] {channels}"
                    ),
                ]);
                Line::new(Tone::Warning, text).fix(speech.of([
                    format!("kiểm tra chữ in trên cảm biến: có phải {table} không?"),
                    format!("read what is printed on the part: is it a {table}?"),
                ]))
            }
            (Some(Seat::Asked(Answer::Stranger)), None) => Line::new(
                Tone::Faint,
                speech.of([
                    format!("{address:#04x}  linh kiện không rõ, không có trong tệp trạm"),
                    format!("{address:#04x}  an unknown part, not in the station file"),
                ]),
            ),
            (_, Some(own)) => missing(speech, own, seats, &here),
            (_, None) => Line::new(Tone::Faint, format!("{address:#04x}")),
        }
    };
    addresses.into_iter().map(line).collect()
}

impl Wanted {
    fn named(&self) -> String {
        let names: Vec<_> = self.channels.iter().map(ChannelName::as_str).collect();
        names.join(", ")
    }
}

fn known(speech: &Speech, address: u8, part: &Part, own: &Wanted) -> Line {
    let (name, proof) = (part.name, told(speech, &part.proof));
    let (table, channels) = (own.table, own.named());
    if part.table == Some(table) {
        let text = format!("{address:#04x}  {name}  {proof}  [[{table}]] {channels}");
        return Line::new(Tone::Good, text);
    }
    let text = speech.of([
        format!("{address:#04x}  {name}  {proof}  nhưng tệp trạm ghi [[{table}]] {channels}"),
        format!(
            "{address:#04x}  {name}  {proof}  but the station file says [[{table}]] {channels}"
        ),
    ]);
    let fix = match part.table {
        Some(other) => speech.of([
            format!("viết [[{other}]] thay cho [[{table}]], hoặc lắp {table}"),
            format!("write [[{other}]] in the place of [[{table}]], or mount a {table}"),
        ]),
        None => speech.of([
            format!("lắp {table}; chương trình không có trình điều khiển cho {name}"),
            format!("mount a {table}; there is no driver for the {name}"),
        ]),
    };
    Line::new(Tone::Bad, text).fix(fix)
}

fn extra(speech: &Speech, bus: u8, address: u8, part: &Part) -> Line {
    let (name, proof) = (part.name, told(speech, &part.proof));
    let text = speech.of([
        format!("{address:#04x}  {name}  {proof}  không có trong tệp trạm"),
        format!("{address:#04x}  {name}  {proof}  not in the station file"),
    ]);
    let line = Line::new(Tone::Faint, text);
    match part.table {
        Some(table) => line.fix(speech.of([
            format!("nếu cần đo, thêm [[{table}]] với bus = {bus}, address = {address:#04x}"),
            format!("to use it, add [[{table}]] with bus = {bus}, address = {address:#04x}"),
        ])),
        None => line,
    }
}

fn kernel(speech: &Speech, address: u8, driver: &str, wanted: bool) -> Line {
    let text = speech.of([
        format!("{address:#04x}  nhân Linux đang dùng ({driver})"),
        format!("{address:#04x}  used by the kernel itself ({driver})"),
    ]);
    if !wanted {
        return Line::new(Tone::Faint, text);
    }
    Line::new(Tone::Bad, text).fix(speech.of([
        format!("bỏ dtoverlay của {driver} trong config.txt rồi khởi động lại"),
        format!("remove the dtoverlay of {driver} from config.txt and start again"),
    ]))
}

fn missing(speech: &Speech, own: &Wanted, seats: &BTreeMap<u8, Seat>, here: &[&Wanted]) -> Line {
    let (address, table, channels) = (own.address, own.table, own.named());
    let text = speech.of([
        format!("{address:#04x}  không ai trả lời  [[{table}]] {channels}"),
        format!("{address:#04x}  nobody answers  [[{table}]] {channels}"),
    ]);
    // The same kind of part at an address that nobody claims is most likely the one.
    let elsewhere = seats.iter().find(|(other, seat)| {
        let free = !here.iter().any(|w| w.address == **other);
        free && matches!(seat, Seat::Asked(Answer::Known(p)) if p.table == Some(table))
    });
    let fix = match elsewhere {
        Some((other, _)) => speech.of([
            format!("một {table} trả lời ở {other:#04x}: viết address = {other:#04x}"),
            format!("a {table} answers at {other:#04x}: write address = {other:#04x}"),
        ]),
        None => speech.of([
            "tắt nguồn, kiểm tra dây 3,3 V (chân 1), GND (chân 6), SDA (chân 3), SCL (chân 5) và \
             chân chọn địa chỉ"
                .to_owned(),
            "switch off, then check 3.3 V (pin 1), GND (pin 6), SDA (pin 3), SCL (pin 5) and the \
             pin that selects the address"
                .to_owned(),
        ]),
    };
    Line::new(Tone::Bad, text).fix(fix)
}

fn told(speech: &Speech, proof: &Proof) -> String {
    match proof {
        Proof::Register { register, bytes } => {
            let bytes: Vec<_> = bytes.iter().map(|b| format!("{b:02x}")).collect();
            let bytes = bytes.join(" ");
            speech.of([
                format!("mã {bytes} ở thanh ghi {register:#04x}"),
                format!("id {bytes} in register {register:#04x}"),
            ])
        }
        Proof::Serial(serial) => {
            speech.of([format!("số sê-ri {serial}"), format!("serial number {serial}")])
        }
        Proof::Name(name) => speech.of([format!("tự xưng {name}"), format!("calls itself {name}")]),
        Proof::Behaviour => speech
            .of(["nhận ra qua các thanh ghi".to_owned(), "recognised by its registers".to_owned()]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::speech::Language;

    fn own(table: &'static str, address: u8) -> Wanted {
        Wanted { bus: 1, address, table, channels: vec![ChannelName::new("c").unwrap()] }
    }

    fn part(table: Option<&'static str>) -> Seat {
        Seat::Asked(Answer::Known(Part { name: "X", table, proof: Proof::Behaviour }))
    }

    /// Tone, text and remedy of the only line.
    fn said(seats: &[(u8, Seat)], wanted: &[Wanted]) -> (Tone, String, String) {
        let speech = Speech::plain(Language::En);
        let lines = compare(&speech, 1, &seats.iter().cloned().collect(), wanted);
        let line = lines.into_iter().find(|l| l.text.starts_with("0x77")).unwrap();
        (line.tone, line.text, line.fix.unwrap_or_default())
    }

    #[test]
    fn what_the_file_says_and_what_answers_are_held_against_each_other() {
        let dps = [own("dps310", 0x77)];
        assert_eq!(said(&[(0x77, part(Some("dps310")))], &dps).0, Tone::Good);
        let (tone, text, fix) = said(&[(0x77, part(None))], &dps);
        assert!(tone == Tone::Bad && text.contains("but the station file says [[dps310]] c"));
        assert!(fix.contains("no driver for the X"), "{fix}");
        assert_eq!(said(&[(0x77, Seat::Asked(Answer::Stranger))], &dps).0, Tone::Warning);
        let (tone, _, fix) = said(&[], &dps);
        assert!(tone == Tone::Bad && fix.contains("3.3 V"), "{fix}");
        let (_, _, fix) = said(&[(0x76, part(Some("dps310")))], &dps);
        assert_eq!(fix, "a dps310 answers at 0x76: write address = 0x76");
        let kernel = Seat::Kernel("bmp280".to_owned());
        assert_eq!(said(&[(0x77, kernel)], &dps).0, Tone::Bad);
    }

    #[test]
    fn what_is_not_in_the_file_is_told_and_is_no_fault() {
        let (tone, _, fix) = said(&[(0x77, part(Some("dps310")))], &[]);
        assert_eq!(tone, Tone::Faint);
        assert_eq!(fix, "to use it, add [[dps310]] with bus = 1, address = 0x77");
        // A part on another bus claims nothing here.
        let other = Wanted { bus: 3, ..own("dps310", 0x77) };
        assert_eq!(said(&[(0x77, part(Some("dps310")))], &[other]).0, Tone::Faint);
    }
}

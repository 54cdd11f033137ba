//! `tram-edge watch`: what the station measures, now.

mod gauge;
mod post;
mod screen;
mod words;

use std::{
    collections::HashMap,
    io::{self, Write as _},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result};
use clap::Args;
use jiff::Timestamp;
use tram_node::Qc;
use tram_wire::UptimeMicros;

use super::{Station, bench::Bench};
use crate::{
    clock::{Moment, monotonic},
    config::{Checked, seconds},
    speech::Speech,
};
use gauge::Gauge;
use post::{Post, Watched};
use screen::Screen;

/// Without a size of the screen, so many lines.
const HEIGHT: usize = 24;
/// The page is written again so often at most.
const REDRAW: Duration = Duration::from_millis(250);

/// What to watch, and how.
#[derive(Debug, Args)]
pub(crate) struct Watch {
    #[command(flatten)]
    station: Station,
    /// Read every part so often, unless the station file reads it more often.
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=3600))]
    every: u32,
    /// Stop after so many seconds instead of at Ctrl-C.
    #[arg(long = "for", value_name = "SECONDS")]
    for_s: Option<u32>,
    /// A line for each reading, on a terminal too.
    #[arg(long)]
    lines: bool,
}

pub(crate) const EXAMPLES: &str = "\
Shown are value, quality and why, the last values as a line, and for each threshold of each rule
that looks at the channel a bar that is full when it is reached. Rain, counts and means of a rule
are those since watching began. Nothing is stored or sent and the siren stays silent. A station that
runs has to be stopped first, since two programs cannot share its lines.

Examples:
  tram-edge watch --config /etc/tram/edge.toml
      Tip the bucket, breathe on the thermometer, hold a hand under the level gauge.
  tram-edge watch --config /etc/tram/edge.toml --for 60 > readings.txt
      One line for each reading, for a minute.
  tram-edge watch --config config/stations/lao-cai-river-01.toml --emulated

Exit status: 0 at Ctrl-C, after --for, or at the end of a recording; 1 the parts cannot be opened;
2 a mistake on the command line or in the station file.";

pub(crate) const EXAMPLES_VI: &str = "\
Hiện giá trị, chất lượng và vì sao, các giá trị gần đây thành một đường, và với mỗi ngưỡng của mỗi
quy tắc dùng kênh đó là một thanh, đầy khi đạt ngưỡng. Lượng mưa, số đếm và trung bình của quy tắc
chỉ tính từ khi bắt đầu xem. Không lưu, không gửi gì và còi không kêu. Nếu trạm đang chạy thì phải
dừng trước, vì hai chương trình không thể dùng chung các dây.

Ví dụ:
  tram-edge watch --config /etc/tram/edge.toml
      Lật thùng đo mưa, hà hơi vào nhiệt kế, đưa tay dưới cảm biến mực nước.
  tram-edge watch --config /etc/tram/edge.toml --for 60 > so-do.txt
      Mỗi số đo một dòng, trong một phút.
  tram-edge watch --config config/stations/lao-cai-river-01.toml --emulated

Mã kết thúc: 0 khi bấm Ctrl-C, hết --for hoặc hết bản ghi; 1 khi không mở được cảm biến; 2 là sai
dòng lệnh hoặc sai tệp trạm.";

/// Shows until it is told to stop.
pub(crate) fn watch(asked: &Watch, speech: &Speech) -> ExitCode {
    let checked = match asked.station.load(speech) {
        Ok(checked) => checked,
        Err(status) => return status,
    };
    match show(asked, &checked, speech) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read the lines has gone away.
        Err(e) if gone(&e) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("tram-edge: {}", speech.foreign(&format!("{e:#}")));
            ExitCode::FAILURE
        }
    }
}

fn gone(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<io::Error>();
    io.is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
}

fn show(asked: &Watch, checked: &Checked, speech: &Speech) -> Result<()> {
    let mut bench = Bench::open(checked)?;
    let (mut posts, mut watched) = set_up(asked, checked, &mut bench)?;
    let page = speech.terminal && !asked.lines;
    let names = checked.channels.iter().map(|c| c.about.name.as_str().len()).max();
    let screen = Screen { speech, rules: &checked.here, names: names.unwrap_or_default() };
    let stop = stop_at_ctrl_c()?;
    let began = monotonic();
    let long_enough = |now: UptimeMicros| {
        let limit = asked.for_s.map(|s| u64::from(s) * 1_000_000);
        limit.is_some_and(|limit| now.since(began) >= limit)
    };
    let mut drawn = None;
    while !stop.load(Ordering::Relaxed) && !bench.over() && !long_enough(monotonic()) {
        bench.tick();
        let now = bench.now();
        let mut fresh = false;
        for post in &mut posts {
            if post.look(now, &mut watched) {
                fresh = true;
                if !page {
                    lines(&screen, post, &watched, now)?;
                }
            }
        }
        let due = drawn.is_none_or(|at| monotonic().since(at) >= micros(REDRAW));
        if page && fresh && due {
            drawn = Some(monotonic());
            let troubles: Vec<_> = posts.iter().filter_map(|p| trouble(speech, p)).collect();
            let title = title(checked, speech, now);
            let text = screen.page(&title, &watched.gauges, &troubles, height());
            let mut out = io::stdout().lock();
            out.write_all(text.as_bytes()).and_then(|()| out.flush())?;
        }
    }
    Ok(())
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

/// The parts, and what is remembered of their channels.
fn set_up(asked: &Watch, checked: &Checked, bench: &mut Bench) -> Result<(Vec<Post>, Watched)> {
    let now = bench.now().uptime;
    let mut next = 0;
    let mounted = bench.mount(&checked.config);
    let posts = mounted.into_iter().map(|mounted| {
        let channels = mounted.keys.iter().map(|key| {
            next += 1;
            (*key, next - 1)
        });
        let channels = channels.collect();
        let every = seconds(mounted.interval_s).min(Duration::from_secs(u64::from(asked.every)));
        Post::new(mounted, channels, every, now)
    });
    let posts = posts.collect();
    let gauges = checked.channels.iter().map(|c| {
        let place = c.limits.place.map(|p| p.low).filter(|low| *low != i64::MIN);
        Gauge::new(c.about.name, c.about.quantity, place.unwrap_or_default())
    });
    let watched = Watched {
        gauges: gauges.collect(),
        qcs: checked.channels.iter().map(|c| Qc::new(c.limits)).collect(),
        latest: HashMap::new(),
    };
    Ok((posts, watched))
}

fn lines(screen: &Screen<'_>, post: &Post, watched: &Watched, now: Moment) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let time = stamp(now);
    for channel in post.positions() {
        let Some(gauge) = watched.gauges.get(channel) else { continue };
        writeln!(out, "{time}  {}", screen.reading(gauge))?;
    }
    if let Some(trouble) = trouble(screen.speech, post) {
        writeln!(out, "{time}  {trouble}")?;
    }
    out.flush()
}

fn trouble(speech: &Speech, post: &Post) -> Option<String> {
    let why = speech.foreign(post.trouble.as_deref()?);
    Some(format!("{}: {why}", post.place()))
}

fn title(checked: &Checked, speech: &Speech, now: Moment) -> String {
    let (node, time) = (checked.config.node, stamp(now));
    speech.of([format!("{node}  {time}  Ctrl-C để dừng"), format!("{node}  {time}  Ctrl-C stops")])
}

/// Date and time of a clock that can be believed, else the time since boot.
fn stamp(now: Moment) -> String {
    if !now.believed() {
        return format!("+{} s", now.uptime.0 / 1_000_000);
    }
    Timestamp::from_microsecond(now.unix.0 / 1_000_000 * 1_000_000)
        .map_or_else(|_| String::new(), |t| t.to_string())
}

/// The lines of the screen.
fn height() -> usize {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok();
    size.map(|s| usize::from(s.ws_row)).filter(|rows| *rows > 0).unwrap_or(HEIGHT)
}

/// Becomes true when somebody presses Ctrl-C.
fn stop_at_ctrl_c() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let pressed = Arc::clone(&stop);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new()
        .name("ctrl-c".to_owned())
        .spawn(move || {
            if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
                pressed.store(true, Ordering::Relaxed);
            }
        })
        .context("watching for Ctrl-C")?;
    Ok(stop)
}

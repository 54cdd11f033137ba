//! The program itself.

use tram_wire::UnixMicros;

use super::{App, catalogue as c, page::Page};
use crate::machine::Process;

/// Puts what was built, when it was started and what it uses.
pub(super) fn put(page: &mut Page, app: &App) {
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    page.put(&c::BUILD, &[env!("CARGO_PKG_VERSION"), profile], 1);
    page.put(&c::LOG_LINES_KEPT_BACK, &[], app.journal.kept_back());
    page.put(&c::START, &[], unix_seconds(app.beginning.at));
    let Some(process) = Process::now() else { return };
    page.put(&c::CPU, &[], process.cpu_seconds);
    page.put(&c::RESIDENT, &[], process.resident_bytes);
    page.put(&c::VIRTUAL, &[], process.virtual_bytes);
    page.put(&c::OPEN_FDS, &[], process.open_fds);
    page.put(&c::MAX_FDS, &[], process.max_fds);
    page.put(&c::THREADS, &[], process.threads);
}

/// A time as Prometheus counts it.
pub(super) fn unix_seconds(time: UnixMicros) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "microseconds of this century are exact")]
    let micros = time.0 as f64;
    micros / 1e6
}

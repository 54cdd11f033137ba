//! `siren`: from the edge of a signal to the siren's pin, with the network dead and the disk full.

use anyhow::Result;
use tram_tests::reactions;

use super::table::{Goal, Table};

/// Stations at once, and how often each sounds its siren: some two minutes.
const STATIONS: u16 = 4;
const EACH: usize = 50;

/// Measures it.
pub(crate) fn run(table: &mut Table) -> Result<()> {
    table.section("The siren, network dead, disk full, gauge read every 0.1 s");
    let folder = tempfile::tempdir()?;
    let reactions = reactions(folder.path(), STATIONS, EACH)?;
    let ms = |percent| reactions.percentile(percent).as_secs_f64() * 1000.0;
    table.figure("alarms", reactions.count() as f64, "");
    table.figure("signal to siren, median", ms(50), "ms");
    table.asked("signal to siren, p99", ms(99), "ms", Goal::less(200.0, 150.0));
    table.figure("signal to siren, slowest", ms(100), "ms");
    Ok(())
}

//! An hour of a hundred stations in simulated time: the short form of `make soak`.

use anyhow::{Result, ensure};
use tram_tests::soak::{Day, Plan};

#[test]
fn an_hour_in_simulated_time_loses_nothing_and_grows_nowhere() -> Result<()> {
    let seed = 1;
    let folder = tempfile::tempdir()?;
    let outcome = Day::new(Plan::hour(seed), folder.path())?.run(|_| {})?;
    // Times belong to the machine, which does other things beside this test.
    let failures: Vec<&String> =
        outcome.failures.iter().filter(|f| !f.starts_with("commit")).collect();
    ensure!(failures.is_empty(), "seed {seed}: {failures:#?}\n{}", outcome.table);
    ensure!(outcome.svg.contains("</svg>"));
    Ok(())
}

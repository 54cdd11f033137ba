//! `crossing`: from a reading that crosses a threshold, through MQTT and fsync, to the receiver of
//! the webhook, while others publish; what a kill -9 takes from it; and Alertmanager beside it.

use std::{
    fmt::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Result;
use tokio::task::block_in_place;
use tram_tests::Centre;

use super::{
    alertmanager::Alertmanager,
    arrivals::Arrivals,
    clock,
    crossers::{self, Crossers},
    load::{Fleet, Plan},
    mqtt::Amount,
    station::{self, REFERENCE},
    table::{Goal, Table},
};

/// Stations that publish in the background.
const BACKGROUND: u16 = 4;
/// How many stations cross the threshold, one each so often.
const CROSSINGS: u16 = 200;
const GAP: Duration = Duration::from_millis(50);
/// And then so many at once before a kill.
const KILLED: u16 = 20;
/// How long after the last warning the process is killed.
const SOON_AFTER: Duration = Duration::from_millis(300);
/// How long a second warning is waited for.
const SECOND: Duration = Duration::from_secs(8);
const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// Measures it.
pub(crate) async fn run(table: &mut Table, amount: Amount) -> Result<()> {
    let folder = tempfile::tempdir()?;
    ours(table, folder.path(), amount.pace).await?;
    if !Alertmanager::installed() {
        table.section("The same with Alertmanager");
        let how = "install it with: sudo apt install prometheus-alertmanager";
        table.skipped("all of it", how);
        return Ok(());
    }
    block_in_place(|| theirs(table))
}

async fn ours(table: &mut Table, folder: &Path, pace: u64) -> Result<()> {
    table.section("From a crossing to the webhook, through MQTT and fsync");
    let arrivals = Arrivals::start()?;
    let configuration = configure(folder, &arrivals)?;
    let mut centre = Centre::start(folder, &configuration)?;
    let start = clock::today()?.plus(-3_600_000_000);
    let mut fleet = Fleet::connect(centre.mqtt_port, BACKGROUND).await?;
    let mut crossers = Crossers::connect(centre.mqtt_port, 0..CROSSINGS, start).await?;
    let seconds = (GAP * u32::from(CROSSINGS)).as_secs() + 1;
    let plan = Plan { pace: Some(pace), ..Plan::of(pace * seconds, BACKGROUND, REFERENCE, start) };
    let (background, sent) = tokio::join!(fleet.run(&plan), crossers.cross(0..CROSSINGS, GAP));
    let (background, sent) = (background?, sent?);
    let mut times = block_in_place(|| arrivals.times(&sent))?;
    let mut ms = |q| clock::ms(clock::quantile(&mut times, q));
    table.figure("readings/s in the background", background.rate(), "readings/s");
    table.figure("crossing to webhook, p50", ms(0.5), "ms");
    table.asked("crossing to webhook, p99", ms(0.99), "ms", Goal::less(250.0, 100.0));
    table.figure("crossing to webhook, slowest", ms(1.0), "ms");
    drop((fleet, crossers));

    // Acknowledged, and killed at once.
    let first = CROSSINGS..CROSSINGS + KILLED;
    let mut crossers = Crossers::connect(centre.mqtt_port, first.clone(), start).await?;
    let sent = crossers.cross(first.clone(), Duration::ZERO).await?;
    crossers.settled(first.clone(), 2).await?;
    centre.program.kill()?;
    drop(crossers);
    let mut centre = Centre::start(folder, &configuration)?;
    // What does not come counts as lost, not as an error.
    let _ = block_in_place(|| arrivals.times(&sent));
    let (came, _) = arrivals.count(&names(first)?);
    lost(table, "acknowledged, then kill -9: lost of 20", came);

    // Told, and killed a moment later; then everything is sent again.
    let second = CROSSINGS + KILLED..CROSSINGS + 2 * KILLED;
    let mut crossers = Crossers::connect(centre.mqtt_port, second.clone(), start).await?;
    let sent = crossers.cross(second.clone(), Duration::ZERO).await?;
    block_in_place(|| arrivals.times(&sent))?;
    tokio::time::sleep(SOON_AFTER).await;
    centre.program.kill()?;
    drop(crossers);
    let centre = Centre::start(folder, &configuration)?;
    let mut crossers = Crossers::connect(centre.mqtt_port, second.clone(), start).await?;
    crossers.cross(second.clone(), Duration::ZERO).await?;
    crossers.settled(second.clone(), 2).await?;
    tokio::time::sleep(SECOND).await;
    let (_, twice) = arrivals.count(&names(second)?);
    table.figure("told, kill -9, sent again: told twice of 20", twice as f64, "");
    Ok(())
}

fn theirs(table: &mut Table) -> Result<()> {
    table.section("From a POST to Alertmanager's webhook, not durable");
    let arrivals = Arrivals::start()?;
    let stations = names(0..CROSSINGS)?;
    {
        let server = Alertmanager::start(&arrivals, Some("0s"))?;
        let mut sent = Vec::new();
        for station in &stations {
            std::thread::sleep(GAP);
            sent.push((station.clone(), clock::now()));
            server.post(std::slice::from_ref(station))?;
        }
        let mut times = arrivals.times(&sent)?;
        let mut ms = |q| clock::ms(clock::quantile(&mut times, q));
        table.figure("POST to webhook, group_wait 0, p50", ms(0.5), "ms");
        table.figure("POST to webhook, group_wait 0, p99", ms(0.99), "ms");
    }
    {
        let server = Alertmanager::start(&arrivals, None)?;
        let others = names(1000..1000 + KILLED)?;
        let at = clock::now();
        server.post(&others)?;
        let sent: Vec<_> = others.into_iter().map(|s| (s, at)).collect();
        let mut times = arrivals.times(&sent)?;
        let p99 = clock::ms(clock::quantile(&mut times, 0.99));
        table.figure("POST to webhook, group_wait as it comes, p99", p99, "ms");
    }
    // Taken with 200 OK, and killed within the time a group is waited for.
    let mut server = Alertmanager::start(&arrivals, Some("1s"))?;
    let others = names(2000..2000 + KILLED)?;
    server.post(&others)?;
    server.kill_and_restart()?;
    std::thread::sleep(SECOND);
    lost(table, "200 OK, then kill -9 within group_wait: lost of 20", arrivals.count(&others).0);
    drop(server);

    let mut server = Alertmanager::start(&arrivals, Some("0s"))?;
    let others = names(3000..3000 + KILLED)?;
    let at = clock::now();
    server.post(&others)?;
    let sent: Vec<_> = others.iter().map(|s| (s.clone(), at)).collect();
    arrivals.times(&sent)?;
    std::thread::sleep(SOON_AFTER);
    server.kill_and_restart()?;
    server.post(&others)?;
    std::thread::sleep(SECOND);
    let (_, twice) = arrivals.count(&others);
    table.figure("told, kill -9, sent again: told twice of 20", twice as f64, "");
    Ok(())
}

fn lost(table: &mut Table, what: &str, came: usize) {
    table.figure(what, (usize::from(KILLED) - came) as f64, "");
}

fn names(which: std::ops::Range<u16>) -> Result<Vec<String>> {
    which.map(crossers::name).collect()
}

fn configure(folder: &Path, arrivals: &Arrivals) -> Result<PathBuf> {
    std::fs::create_dir(folder.join("rules"))?;
    std::fs::write(folder.join("rules/river.toml"), include_str!("crossing.toml"))?;
    std::fs::write(folder.join("secret"), SECRET)?;
    let mut text = format!(
        "data = \"{0}/data\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
         [broker]\nlisten = \"127.0.0.1:0\"\nanonymous_loopback = true\n\
         [rules]\nfolder = \"{0}/rules\"\n[alerts]\nsender = \"tram@example.org\"\n\
         sender_name = {{ vi = \"Trạm\", en = \"Trạm\", zh = \"Trạm\" }}\nstatus = \"test\"\n\
         public_url = \"http://127.0.0.1:8080\"\ndefault_area = \"a\"\n\
         [[alerts.area]]\nid = \"a\"\nname = {{ vi = \"A\", en = \"A\", zh = \"A\" }}\n\
         circle = {{ lat = 22.0, lon = 104.0, radius_km = 1.0 }}\n\
         [[alerts.webhook]]\nname = \"bench\"\nurl = \"http://{1}/webhook\"\n\
         secret_file = \"{0}/secret\"\n",
        folder.display(),
        arrivals.address
    );
    let background = (0..BACKGROUND).map(|n| Ok(station::node(n)?.to_string()));
    let crossing = (0..CROSSINGS + 2 * KILLED).map(crossers::name);
    for id in background.chain(crossing) {
        let id = id?;
        writeln!(text, "[[station]]\nid = \"{id}\"\nname = \"b\"\nlat = 22.0\nlon = 104.0")?;
    }
    let path = folder.join("ingest.toml");
    std::fs::write(&path, text)?;
    Ok(path)
}

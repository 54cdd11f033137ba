//! Writing a change down: the episode, the transition, its CAP messages and its deliveries, all
//! in the caller's transaction.

use rusqlite::{OptionalExtension, Transaction};
use serde::Serialize;
use tram_rules::TransitionKind;
use tram_wire::UnixMicros;

use crate::{
    Alarm, AlertsError, MessageStatus,
    change::Change,
    database,
    episode::Episode,
    messages, outbox, people,
    publish::{self, Occasion},
    settings::Settings,
    time,
    wording::decimal,
};

/// The most episodes that go on at once; more are refused and counted.
pub const MAX_OPEN_EPISODES: u32 = 20_000;

/// What became of a change.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Recorded {
    /// Written; the alarm as it stands now, and how many people there was no room to tell.
    Written(Box<Alarm>, u64),
    /// It had been written before, or is about an episode nobody knows.
    Nothing,
    /// There are [`MAX_OPEN_EPISODES`] already.
    Refused,
}

/// What a receiver is told, beside the alarm.
#[derive(Serialize)]
struct Told<'a> {
    kind: &'static str,
    level: u8,
    at: String,
    value: String,
    unit: &'static str,
    /// The id under which the episode was announced before.
    #[serde(skip_serializing_if = "Option::is_none")]
    replaces: Option<&'a str>,
    /// It came after a later one: the alarm's state is not this one's.
    late: bool,
}

/// The body of a webhook.
#[derive(Serialize)]
struct Body<'a> {
    sender: &'a str,
    status: &'static str,
    /// Where the rule's thresholds come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    legal: Option<&'a str>,
    transition: Told<'a>,
    alarm: &'a Alarm,
}

/// Writes one change. The same change a second time writes nothing.
pub(crate) fn record(
    tx: &Transaction<'_>,
    settings: &Settings,
    change: &Change,
    now: UnixMicros,
) -> Result<Recorded, AlertsError> {
    if let Some(old) = &change.replaces {
        rename(tx, old, &change.episode)?;
    }
    let id = database::resolve(tx, &change.episode)?.unwrap_or_else(|| change.episode.clone());
    if written(tx, &id, change)? {
        return Ok(Recorded::Nothing);
    }
    let known = Episode::load(tx, &id)?;
    if known.is_none() && too_many(tx)? {
        return Ok(Recorded::Refused);
    }
    let Some(mut episode) = known.or_else(|| begin(&id, change)) else {
        return Ok(Recorded::Nothing);
    };
    if stays_ended(&episode, change) {
        return Ok(Recorded::Nothing);
    }
    let late = !change.evaluated && change.at.0 < episode.updated_at;
    let told = episode.highest;
    episode.highest = episode.highest.max(change.level);
    if !late {
        turn(&mut episode, change);
        episode.headline = publish::headline(settings, &episode);
    }
    episode.save(tx)?;
    mark_silence(tx, change)?;
    if !late && let Some(occasion) = occasion(change, told) {
        messages::send(tx, settings, &episode, occasion, now)?;
    }
    let alarm = view(tx, settings, &episode, now)?;
    let body = body(settings, episode.status(settings), change, &alarm, late)?;
    let number = insert(tx, &id, change, &body, now)?;
    outbox::enqueue(tx, settings, &episode, number, change, now)?;
    let untold = people::tell(tx, settings, &episode, (number, change), (told, late), now)?;
    Ok(Recorded::Written(Box::new(alarm), untold))
}

/// The alarm list's row of an episode.
pub(crate) fn view(
    connection: &rusqlite::Connection,
    settings: &Settings,
    episode: &Episode,
    now: UnixMicros,
) -> Result<Alarm, AlertsError> {
    let public = messages::newest_public(connection, &episode.id)?;
    Ok(episode.alarm(settings, public.as_ref(), now))
}

fn written(tx: &Transaction<'_>, id: &str, change: &Change) -> Result<bool, AlertsError> {
    let mut query = tx.prepare_cached(
        "SELECT 1 FROM transition WHERE episode = ?1 AND kind = ?2 AND level = ?3 AND at = ?4",
    )?;
    let found = query
        .query_row((id, change.kind.name(), change.level, change.at.0), |_| Ok(()))
        .optional()?;
    Ok(found.is_some())
}

fn too_many(tx: &Transaction<'_>) -> Result<bool, AlertsError> {
    let open: u32 = tx
        .prepare_cached("SELECT count(*) FROM episode WHERE open = 1")?
        .query_row([], |r| r.get(0))?;
    Ok(open >= MAX_OPEN_EPISODES)
}

/// A new episode, when the change can begin one.
fn begin(id: &str, change: &Change) -> Option<Episode> {
    let silence = change.kind == TransitionKind::NoData;
    // A node's later word may overtake its first one, so any of them can begin an episode; what
    // the rules here decide comes in order.
    let begins = silence || change.kind == TransitionKind::Raised || !change.evaluated;
    begins.then(|| Episode {
        id: id.to_owned(),
        rule: change.rule.clone(),
        version: change.version,
        station: change.station.clone(),
        channel: change.channel.clone(),
        quantity: change.quantity.name().to_owned(),
        silence,
        open: false,
        level: 0,
        highest: 0,
        withdrawn: false,
        no_data: false,
        node: change.node,
        raised_at: change.at.0,
        updated_at: i64::MIN,
        cleared_at: None,
        value: change.value,
        headline: tram_rules::Words { vi: String::new(), en: String::new(), zh: String::new() },
        acked: None,
        shelved: None,
        drill: change.drill,
        approved: None,
        rejected: None,
        all_clear: None,
    })
}

/// Whether a person has said that the episode is over, and the change does not say otherwise: only
/// a rise brings it back, since then the danger is.
fn stays_ended(episode: &Episode, change: &Change) -> bool {
    let Some(end) = episode.all_clear.as_ref().filter(|_| !episode.open) else { return false };
    match change.kind {
        TransitionKind::Lowered | TransitionKind::Cleared => true,
        TransitionKind::Raised => change.replaces.is_some() && change.level <= end.level,
        TransitionKind::NoData | TransitionKind::DataBack | TransitionKind::Withdrawn => false,
    }
}

/// Lets the episode take the change.
fn turn(episode: &mut Episode, change: &Change) {
    let ends = matches!(
        change.kind,
        TransitionKind::Cleared | TransitionKind::DataBack | TransitionKind::Withdrawn
    );
    if !episode.open && !ends {
        // It is back: what was allowed and said then was about another danger.
        (episode.approved, episode.all_clear) = (None, None);
    }
    if change.level != episode.level {
        episode.rejected = None;
    }
    episode.open = !ends;
    episode.level = if episode.silence || ends { 0 } else { change.level };
    if episode.silence {
        episode.highest = 0;
    }
    episode.withdrawn = change.kind == TransitionKind::Withdrawn;
    episode.cleared_at = ends.then_some(change.at.0);
    episode.raised_at = episode.raised_at.min(change.at.0);
    episode.updated_at = change.at.0;
    episode.channel.clone_from(&change.channel);
    episode.value = change.value;
}

/// A silence that begins or ends is also said of the warnings that stand meanwhile.
fn mark_silence(tx: &Transaction<'_>, change: &Change) -> Result<(), AlertsError> {
    let silent = match change.kind {
        TransitionKind::NoData => true,
        TransitionKind::DataBack => false,
        _ => return Ok(()),
    };
    for mut episode in Episode::open_warnings(tx, &change.rule, &change.station)? {
        episode.no_data = silent;
        episode.save(tx)?;
    }
    Ok(())
}

/// Which CAP messages a change calls for. A rename alone calls for none: `told` is the highest
/// level people have been told of. A silence is no warning to the public.
fn occasion(change: &Change, told: u8) -> Option<Occasion> {
    match change.kind {
        TransitionKind::Raised if change.replaces.is_some() && change.level <= told => None,
        TransitionKind::Raised | TransitionKind::Lowered => Some(Occasion::Level),
        TransitionKind::Cleared => Some(Occasion::Cleared),
        TransitionKind::Withdrawn => Some(Occasion::Withdrawn),
        TransitionKind::NoData | TransitionKind::DataBack => None,
    }
}

fn body(
    settings: &Settings,
    status: MessageStatus,
    change: &Change,
    alarm: &Alarm,
    late: bool,
) -> Result<Vec<u8>, AlertsError> {
    let quantity = change.quantity;
    let transition = Told {
        kind: change.kind.name(),
        level: change.level,
        at: time::utc(change.at),
        value: decimal(change.value, quantity),
        unit: quantity.unit(),
        replaces: change.replaces.as_deref(),
        late,
    };
    let status = status.as_str();
    let legal = settings.rule(&change.rule).map(|rule| rule.legal.as_str());
    let body = Body { sender: &settings.sender, status, legal, transition, alarm };
    Ok(serde_json::to_vec(&body)?)
}

fn insert(
    tx: &Transaction<'_>,
    id: &str,
    change: &Change,
    body: &[u8],
    now: UnixMicros,
) -> Result<i64, AlertsError> {
    tx.prepare_cached(
        "INSERT INTO transition (episode, kind, level, at, value, accepted_at, body) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute((
        id,
        change.kind.name(),
        change.level,
        change.at.0,
        change.value,
        now.0,
        body,
    ))?;
    Ok(tx.last_insert_rowid())
}

/// Gives an episode its new name everywhere, or joins it to the one that has the name already.
fn rename(tx: &Transaction<'_>, old: &str, new: &str) -> Result<(), AlertsError> {
    let Some(old) = database::resolve(tx, old)? else { return Ok(()) };
    if old == new {
        return Ok(());
    }
    let Some(before) = Episode::load(tx, &old)? else { return Ok(()) };
    let joined = match Episode::load(tx, new)? {
        Some(other) => join(other, before),
        None => Episode { id: new.to_owned(), ..before },
    };
    tx.execute("DELETE FROM episode WHERE id = ?1", [&old])?;
    joined.save(tx)?;
    for statement in [
        "UPDATE OR IGNORE transition SET episode = ?2 WHERE episode = ?1",
        "UPDATE outbox SET episode = ?2 WHERE episode = ?1",
        "UPDATE message SET episode = ?2 WHERE episode = ?1",
        "UPDATE alias SET episode = ?2 WHERE episode = ?1",
        "INSERT OR REPLACE INTO alias (old, episode) VALUES (?1, ?2)",
    ] {
        tx.execute(statement, [old.as_str(), new])?;
    }
    people::rename(tx, &old, new)?;
    Ok(())
}

/// Two episodes that turned out to be one: the earlier start, the higher level, and what people
/// did to either.
fn join(kept: Episode, gone: Episode) -> Episode {
    Episode {
        raised_at: kept.raised_at.min(gone.raised_at),
        highest: kept.highest.max(gone.highest),
        node: kept.node || gone.node,
        acked: kept.acked.or(gone.acked),
        shelved: kept.shelved.or(gone.shelved),
        approved: kept.approved.or(gone.approved),
        rejected: kept.rejected.or(gone.rejected),
        all_clear: kept.all_clear.or(gone.all_clear),
        ..kept
    }
}

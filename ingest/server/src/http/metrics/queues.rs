//! What waits where, and how much may.

use std::sync::atomic::Ordering::Relaxed;

use super::{App, catalogue as c, page::Page};
use crate::{
    http::{history::MAX_ANSWERS, listener::MAX_CONNECTIONS},
    link::{MAX_LETTERS, MAX_WAITING_MESSAGES, MAX_WAITING_PERMITS},
    live::MAX_CLIENTS,
};

/// Puts depth and limit of every queue.
pub(super) fn put(page: &mut Page, app: &App) {
    let (messages, kib) = app.link.waiting();
    let store = app.store.stats();
    let mut queues: Vec<(&str, u64, u64)> = vec![
        ("messages", messages as u64, MAX_WAITING_MESSAGES as u64),
        ("message_kib", kib as u64, MAX_WAITING_PERMITS as u64),
        ("letters", app.link.mailbox.waiting() as u64, MAX_LETTERS as u64),
        ("head_readings", store.head_readings, store.max_head_readings),
        ("live_clients", app.hub.clients() as u64, MAX_CLIENTS as u64),
        ("histories", taken(MAX_ANSWERS, app.answers.available_permits()), MAX_ANSWERS as u64),
        (
            "web_connections",
            taken(MAX_CONNECTIONS, app.connections.available_permits()),
            MAX_CONNECTIONS as u64,
        ),
    ];
    if let Some(broker) = &app.broker {
        let clients = broker.stats.clients_connected.load(Relaxed) as u64;
        queues.push(("broker_clients", clients, broker.max_clients as u64));
    }
    for (queue, depth, _) in &queues {
        page.put(&c::QUEUE_DEPTH, &[queue], depth);
    }
    for (queue, _, limit) in &queues {
        page.put(&c::QUEUE_LIMIT, &[queue], limit);
    }
}

fn taken(limit: usize, free: usize) -> u64 {
    limit.saturating_sub(free) as u64
}

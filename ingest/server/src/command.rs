//! The commands that work on stored data, beside a running centre or without one. One file each.

pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod cap;
mod centre;
pub(crate) mod check;
mod drill;
pub(crate) mod export;
pub(crate) mod log_text;
pub(crate) mod output;
mod progress;
pub(crate) mod restore;
pub(crate) mod rules;
pub(crate) mod siren;
mod stop;

use std::path::Path;

use tram_store::StoreError;

use crate::failure::Failure;

/// What an error of a store that is only read means.
fn unreadable(folder: &Path, error: &StoreError) -> Failure {
    match error {
        StoreError::Absent { .. } => Failure::new(
            format!("{} holds no data of a centre", folder.display()),
            "Name the configuration that the centre runs with (--config FILE), in the folder in which it runs",
        ),
        StoreError::ReadOnly { .. } => Failure::new(
            format!("{} cannot be read", folder.display()),
            "Run the command as the user that runs the centre (sudo -u tram …)",
        ),
        other => Failure::new(other.to_string(), ""),
    }
}

/// Bytes as people read them.
fn bytes(n: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "it is rounded to a tenth")]
    let scaled = |unit: u64| n as f64 / unit as f64;
    match n {
        0..1_000 => format!("{n} B"),
        1_000..1_000_000 => format!("{:.1} kB", scaled(1_000)),
        1_000_000..1_000_000_000 => format!("{:.1} MB", scaled(1_000_000)),
        _ => format!("{:.1} GB", scaled(1_000_000_000)),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn bytes_are_rounded_to_a_tenth() {
        for (n, text) in [(0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (2_345_678, "2.3 MB")] {
            assert_eq!(super::bytes(n), text);
        }
        assert_eq!(super::bytes(12_000_000_000), "12.0 GB");
    }
}

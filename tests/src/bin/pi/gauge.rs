//! An ultrasonic range finder at the other end of the serial line.

use std::{
    io::Write,
    os::unix::net::UnixStream,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

/// Time between two frames, as the A02YYUW sends them (its data sheet: 100 to 300 ms).
const FRAME_EVERY: Duration = Duration::from_millis(100);

/// The range finder; it goes on by itself until the line is cut.
pub(crate) struct Gauge {
    distance_mm: Arc<AtomicU16>,
}

impl Gauge {
    /// Connects it to a line.
    pub(crate) fn new(mut line: UnixStream, distance_mm: u16) -> Self {
        let distance = Arc::new(AtomicU16::new(distance_mm));
        let shown = Arc::clone(&distance);
        thread::spawn(move || {
            loop {
                let [high, low] = shown.load(Relaxed).to_be_bytes();
                let sum = 0xff_u8.wrapping_add(high).wrapping_add(low);
                if line.write_all(&[0xff, high, low, sum]).is_err() {
                    return;
                }
                thread::sleep(FRAME_EVERY);
            }
        });
        Self { distance_mm: distance }
    }

    /// From now on the water is so far below it.
    pub(crate) fn set_distance(&self, mm: u16) {
        self.distance_mm.store(mm, Relaxed);
    }
}

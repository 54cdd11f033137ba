//! Edges of a GPIO line as the kernel stamped them.

use gpiocdev::{
    Request,
    line::{Bias, EdgeDetection, EdgeKind, EventClock},
};
use tram_drivers::{Edge, EdgeSource};
use tram_wire::UptimeMicros;

use super::{HalError, Input};
use crate::config::Pull;

/// How many edges the kernel keeps for us while we are busy elsewhere.
const KERNEL_EVENTS: u32 = 1024;

/// One input line.
pub(crate) struct KernelEdges {
    request: Request,
}

impl KernelEdges {
    /// Asks the kernel for both edges of a line, stamped with `CLOCK_MONOTONIC`. There is no
    /// debouncing here: the drivers do it, and count what they refuse.
    pub(crate) fn open(chip: &str, input: Input) -> Result<Self, HalError> {
        let mut builder = Request::builder();
        builder
            .on_chip(chip)
            .with_consumer("tram-edge")
            .with_kernel_event_buffer_size(KERNEL_EVENTS)
            .with_line(input.pin)
            .with_edge_detection(EdgeDetection::BothEdges)
            .with_event_clock(EventClock::Monotonic)
            .with_bias(match input.pull {
                Pull::Up => Bias::PullUp,
                Pull::Down => Bias::PullDown,
                Pull::None => Bias::Disabled,
            });
        if input.active_low {
            builder.as_active_low();
        }
        let request = builder
            .request()
            .map_err(|e| HalError::open(format!("pin {} of {chip}", input.pin), e))?;
        Ok(Self { request })
    }
}

impl EdgeSource for KernelEdges {
    type Error = HalError;

    fn next_edge(&mut self) -> Result<Option<Edge>, HalError> {
        if !self.request.has_edge_event().map_err(HalError::bus)? {
            return Ok(None);
        }
        let event = self.request.read_edge_event().map_err(HalError::bus)?;
        let at = UptimeMicros(event.timestamp_ns / 1000);
        Ok(Some(Edge { at, rising: event.kind == EdgeKind::Rising }))
    }
}

//! What the gateway counts of its live connections.

use metrics::{Counter, Gauge, counter, gauge};

use super::frame::Frame;

/// The counters, looked up once.
pub struct Meters {
    positions: Counter,
    tickets: Counter,
    events: Counter,
    gone: Counter,
    byes: Counter,
    /// Open sockets.
    pub sockets: Gauge,
    /// Open streams.
    pub streams: Gauge,
}

impl Meters {
    /// Looks the counters up.
    pub fn new() -> Self {
        let frames = |kind| counter!("stanchion_gateway_frames_total", "kind" => kind);
        let connections = |kind| gauge!("stanchion_gateway_connections", "kind" => kind);
        Self {
            positions: frames("position"),
            tickets: frames("ticket"),
            events: frames("event"),
            gone: frames("gone"),
            byes: frames("bye"),
            sockets: connections("socket"),
            streams: connections("stream"),
        }
    }

    /// Counts a frame that is about to be sent.
    pub fn count(&self, frame: &Frame) {
        let frames = match frame {
            Frame::Position { .. } => &self.positions,
            Frame::Ticket { .. } => &self.tickets,
            Frame::Event { .. } => &self.events,
            Frame::Gone { .. } => &self.gone,
            Frame::Bye { .. } => &self.byes,
        };
        frames.increment(1);
    }
}

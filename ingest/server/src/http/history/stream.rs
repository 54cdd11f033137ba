//! From a thread that writes to a body that is sent, through a bounded channel.

use std::io::{self, Write};

use axum::body::Body;
use bytes::Bytes;
use tokio::sync::mpsc;
use tram_store::export::ExportError;

/// How much is collected before it is handed on.
const CHUNK_BYTES: usize = 32 * 1024;
/// How many chunks may wait for the client.
const MAX_CHUNKS: usize = 4;

/// Where the thread writes to. Writing waits while the client is slow and fails when it is gone.
pub(super) struct Writer {
    buffer: Vec<u8>,
    chunks: mpsc::Sender<io::Result<Bytes>>,
}

/// A writer, and the body it fills.
pub(super) fn pipe() -> (Writer, Body) {
    let (chunks, received) = mpsc::channel(MAX_CHUNKS);
    let stream = futures_util::stream::unfold(received, async |mut received| {
        let chunk = received.recv().await?;
        Some((chunk, received))
    });
    (Writer { buffer: Vec::with_capacity(CHUNK_BYTES), chunks }, Body::from_stream(stream))
}

impl Writer {
    /// Ends the body. After an error it ends so that the client sees that something is missing.
    pub(super) fn finish(mut self, written: Result<(), ExportError>) {
        let error = match written {
            Ok(()) => match self.flush() {
                Ok(()) => return,
                Err(error) => error,
            },
            Err(ExportError::Write(error)) => error,
            Err(error) => {
                tracing::error!(%error, "a history ended early");
                io::Error::other(error)
            }
        };
        // The client may have gone, which is the most common error.
        let _ = self.chunks.blocking_send(Err(error));
    }

    fn hand_on(&mut self) -> io::Result<()> {
        let chunk = Bytes::from(std::mem::take(&mut self.buffer));
        self.buffer.reserve(CHUNK_BYTES);
        self.chunks.blocking_send(Ok(chunk)).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHUNK_BYTES {
            self.hand_on()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() { Ok(()) } else { self.hand_on() }
    }
}

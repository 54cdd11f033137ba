//! The door of the web server: a bounded number of connections, and a deadline for those that
//! stand still. The deadline is at the connection and not in an answer's body: a frozen client is
//! noticed by its full socket, whatever it asked for.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::serve::Listener;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, Sleep},
};

/// The most connections at once; more wait in the system's queue.
pub(crate) const MAX_CONNECTIONS: usize = 2_048;
/// A connection on which no byte has moved for so long is closed. The live feed sends a heartbeat
/// every five seconds, so it moves as long as somebody takes it.
const STAND_STILL: Duration = Duration::from_secs(60);
/// How long to wait when the system gives no connection, such as when no descriptor is left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Takes connections.
pub(crate) struct Door {
    listener: TcpListener,
    room: Arc<Semaphore>,
}

impl Door {
    /// A door at this listener with [`MAX_CONNECTIONS`] places.
    pub(crate) fn new(listener: TcpListener, room: Arc<Semaphore>) -> Self {
        Self { listener, room }
    }
}

impl Listener for Door {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        loop {
            // The semaphore is never closed.
            let Ok(place) = Arc::clone(&self.room).acquire_owned().await else { continue };
            match self.listener.accept().await {
                Ok((stream, address)) => {
                    // Frames of the live feed are small and must not wait for company. Without
                    // it they come a little later; nothing to refuse a client for.
                    let _ = stream.set_nodelay(true);
                    return (Connection::new(stream, place), address);
                }
                Err(error) => {
                    tracing::warn!(%error, "a web connection could not be taken");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that may not stand still.
pub(crate) struct Connection<S = TcpStream> {
    stream: S,
    deadline: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

impl<S> Connection<S> {
    fn new(stream: S, place: OwnedSemaphorePermit) -> Self {
        Self { stream, deadline: Box::pin(tokio::time::sleep(STAND_STILL)), _place: place }
    }

    /// Pushes the deadline back when something moved, and ends the connection at the deadline.
    fn watch<T>(
        &mut self,
        cx: &mut Context<'_>,
        moved: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if moved.is_ready() {
            self.deadline.as_mut().reset(Instant::now() + STAND_STILL);
            return moved;
        }
        ready!(self.deadline.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Connection<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let moved = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.watch(cx, moved)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let moved = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watch(cx, moved)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let moved = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.watch(cx, moved)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn pair() -> (Connection<tokio::io::DuplexStream>, tokio::io::DuplexStream) {
        let (near, far) = tokio::io::duplex(8);
        let place = Arc::new(Semaphore::new(1)).acquire_owned().await.unwrap();
        (Connection::new(near, place), far)
    }

    #[tokio::test(start_paused = true)]
    async fn a_frozen_reader_is_given_up() {
        let (mut connection, _far) = pair().await;
        let start = Instant::now();
        let error = connection.write_all(&[0; 100]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(start.elapsed() >= STAND_STILL);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_is_not() {
        let (mut connection, mut far) = pair().await;
        let reader = tokio::spawn(async move {
            let mut bytes = [0; 8];
            for _ in 0..10 {
                tokio::time::sleep(STAND_STILL / 2).await;
                far.read_exact(&mut bytes).await.unwrap();
            }
        });
        connection.write_all(&[0; 80]).await.unwrap();
        reader.await.unwrap();
    }
}

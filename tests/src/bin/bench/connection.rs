//! One station's MQTT 5 connection, in as few instructions as it can be done in, because the
//! stations share the machine with what is measured.

use std::{io::ErrorKind, net::Ipv4Addr};

use anyhow::{Result, ensure};
use tokio::net::{
    TcpSocket,
    tcp::{OwnedReadHalf, OwnedWriteHalf},
};
use tram_wire::Ack;

/// PUBLISH with QoS 1, and the same retained.
const PUBLISH: u8 = 0x32;
const RETAINED: u8 = 0x33;

/// The half that hears.
pub(crate) struct Ear {
    stream: OwnedReadHalf,
    buffer: Vec<u8>,
    /// Up to where the buffer has been read.
    read: usize,
}

/// The half that speaks.
pub(crate) struct Mouth {
    stream: OwnedWriteHalf,
    buffer: Vec<u8>,
    packet: u16,
}

/// Connects with a clean start and no keep-alive, and subscribes to `topic`. The connection comes
/// from 127.0.0.`neighbourhood`: a broker takes only so many from one address.
pub(crate) async fn open(
    port: u16,
    neighbourhood: u8,
    id: &str,
    topic: &str,
) -> Result<(Ear, Mouth)> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::new(127, 0, 0, neighbourhood), 0).into())?;
    let stream = socket.connect((Ipv4Addr::LOCALHOST, port).into()).await?;
    stream.set_nodelay(true)?;
    let (stream, write) = stream.into_split();
    let mut ear = Ear { stream, buffer: Vec::new(), read: 0 };
    let mut mouth = Mouth { stream: write, buffer: Vec::new(), packet: 0 };

    let mut body = b"\x00\x04MQTT\x05\x02\x00\x00\x00".to_vec();
    text(&mut body, id)?;
    packet(&mut mouth.buffer, 0x10, &[&body])?;
    mouth.flush().await?;
    let (kind, answer) = ear.packet().await?;
    ensure!(kind == 0x20 && answer.get(1) == Some(&0), "the broker answers {answer:02x?} to {id}");

    let mut body = b"\x00\x01\x00".to_vec();
    text(&mut body, topic)?;
    body.push(0);
    packet(&mut mouth.buffer, 0x82, &[&body])?;
    mouth.flush().await?;
    let (kind, answer) = ear.packet().await?;
    let granted = answer.last().is_some_and(|code| *code < 0x80);
    ensure!(kind == 0x90 && granted, "the broker answers {answer:02x?} to {topic}");
    Ok((ear, mouth))
}

impl Ear {
    /// The next acknowledgement of the centre; what else comes is passed over.
    pub(crate) async fn ack(&mut self) -> Result<Ack> {
        loop {
            let (kind, body) = self.packet().await?;
            ensure!(kind >> 4 != 0xe, "the broker closes the connection: {body:02x?}");
            if kind >> 4 == 3
                && let Some(ack) = message(body)
            {
                return Ok(ack);
            }
        }
    }

    /// The next packet: its first byte, and what is behind its length.
    async fn packet(&mut self) -> Result<(u8, &[u8])> {
        loop {
            let rest = self.buffer.get(self.read..).unwrap_or_default();
            if let Some((header, length)) = head(rest)
                && rest.len() >= header + length
            {
                let start = self.read + header;
                let kind = rest.first().copied().unwrap_or_default();
                self.read = start + length;
                return Ok((kind, self.buffer.get(start..self.read).unwrap_or_default()));
            }
            self.buffer.drain(..self.read);
            self.read = 0;
            self.fill().await?;
        }
    }
}

impl Ear {
    /// Reads what is there, at least something.
    async fn fill(&mut self) -> Result<()> {
        let mut piece = [0; 4096];
        loop {
            self.stream.readable().await?;
            match self.stream.try_read(&mut piece) {
                Ok(n) => {
                    ensure!(n > 0, "the broker closed the connection");
                    self.buffer.extend_from_slice(piece.get(..n).unwrap_or_default());
                    return Ok(());
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => {}
                Err(e) => return Err(e.into()),
            }
        }
    }
}

impl Mouth {
    /// Adds a message to what will be written.
    pub(crate) fn publish(&mut self, topic: &str, payload: &[u8], retain: bool) -> Result<()> {
        self.packet = self.packet.checked_add(1).unwrap_or(1);
        let mut start = Vec::with_capacity(topic.len() + 5);
        text(&mut start, topic)?;
        start.extend_from_slice(&self.packet.to_be_bytes());
        // No properties.
        start.push(0);
        let kind = if retain { RETAINED } else { PUBLISH };
        packet(&mut self.buffer, kind, &[&start, payload])
    }

    /// Writes what was added.
    pub(crate) async fn flush(&mut self) -> Result<()> {
        let mut rest = self.buffer.as_slice();
        while !rest.is_empty() {
            self.stream.writable().await?;
            match self.stream.try_write(rest) {
                Ok(n) => rest = rest.get(n..).unwrap_or_default(),
                Err(e) if e.kind() == ErrorKind::WouldBlock => {}
                Err(e) => return Err(e.into()),
            }
        }
        self.buffer.clear();
        Ok(())
    }
}

/// Length of the fixed header and of what is behind it, if the header is whole.
fn head(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut length = 0;
    for (i, byte) in bytes.iter().enumerate().skip(1).take(4) {
        length |= usize::from(byte & 0x7f) << (7 * (i - 1));
        if byte & 0x80 == 0 {
            return Some((i + 1, length));
        }
    }
    None
}

/// The acknowledgement in a PUBLISH with QoS 0.
fn message(body: &[u8]) -> Option<Ack> {
    let (length, rest) = body.split_at_checked(2)?;
    let topic = usize::from(u16::from_be_bytes([*length.first()?, *length.get(1)?]));
    let properties = rest.get(topic..)?;
    // The centre's are short.
    let skip = usize::from(*properties.first()?) + 1;
    Ack::decode(properties.get(skip..)?).ok()
}

fn text(body: &mut Vec<u8>, text: &str) -> Result<()> {
    body.extend_from_slice(&u16::try_from(text.len())?.to_be_bytes());
    body.extend_from_slice(text.as_bytes());
    Ok(())
}

fn packet(buffer: &mut Vec<u8>, kind: u8, parts: &[&[u8]]) -> Result<()> {
    let mut length = parts.iter().map(|p| p.len()).sum::<usize>();
    buffer.push(kind);
    while length >= 0x80 {
        buffer.push(u8::try_from(length & 0x7f)? | 0x80);
        length >>= 7;
    }
    buffer.push(u8::try_from(length)?);
    parts.iter().for_each(|part| buffer.extend_from_slice(part));
    Ok(())
}

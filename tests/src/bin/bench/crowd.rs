//! Connections that are there and say nothing, as most stations do most of the time.

use anyhow::{Context, Result, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Open MQTT connections, one a station. They end when this is dropped.
pub(crate) struct Crowd {
    _connections: Vec<TcpStream>,
}

impl Crowd {
    /// Connects `stations` clients to the broker on `port`.
    pub(crate) async fn connect(port: u16, stations: u16) -> Result<Self> {
        let mut connections = Vec::with_capacity(usize::from(stations));
        for n in 0..stations {
            let greeted = greet(port, &format!("crowd_{n}")).await;
            connections.push(greeted.with_context(|| format!("connection {n} of {stations}"))?);
        }
        Ok(Self { _connections: connections })
    }
}

/// CONNECT of MQTT 5 with a clean start and no keep-alive, and its answer.
async fn greet(port: u16, id: &str) -> Result<TcpStream> {
    let mut packet = b"\x10\x00\x00\x04MQTT\x05\x02\x00\x00\x00".to_vec();
    packet.extend_from_slice(&u16::try_from(id.len())?.to_be_bytes());
    packet.extend_from_slice(id.as_bytes());
    let rest = u8::try_from(packet.len() - 2)?;
    *packet.get_mut(1).context("no length")? = rest;
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(&packet).await?;
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).await?;
    // Packet type, remaining length, flags, reason code.
    ensure!(matches!(answer, [0x20, _, _, 0]), "the broker answers {answer:02x?}");
    Ok(stream)
}

//! An emulated Raspberry Pi 3 B: QEMU with a pressure and a temperature sensor on its I²C bus, a
//! serial line, a network and an SD card.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tram_tests::until;

/// How long QEMU may take to open its sockets.
const OPENING: Duration = Duration::from_secs(20);
/// The level of pins 0 to 31, as the bus sees it (BCM2835 ARM Peripherals, 6.1, GPLEV0).
const GPLEV0: &str = "0x3f200034";

/// The computer with its power off: what stays when the power is cut.
pub(crate) struct Board {
    folder: PathBuf,
    /// Kernel, device tree and initramfs, from `tests/scripts/pi.sh`.
    parts: PathBuf,
    /// Where the consoles of all boots are kept.
    console: PathBuf,
    boots: u32,
    /// Where the host says what time it is.
    clock_port: u16,
}

/// The computer with its power on.
pub(crate) struct Running {
    qemu: Child,
    control: Control,
    /// The other end of the serial line.
    pub(crate) serial: UnixStream,
}

impl Board {
    /// Puts a configuration (`etc/tram/…`, a folder) and an empty SD card into a new board.
    pub(crate) fn new(folder: &Path, parts: &Path, configuration: &Path) -> Result<Self> {
        let archive = folder.join("configuration.cpio");
        run(Command::new("sh")
            .arg("-c")
            .arg("find . | cpio -o -H newc --quiet > \"$0\"")
            .arg(&archive)
            .current_dir(configuration))?;
        let mut initrd = fs::read(parts.join("initrd.gz"))
            .context("the emulated Raspberry Pi is not built; run: tests/scripts/pi.sh")?;
        // An uncompressed archive of an initramfs begins at a multiple of four bytes.
        initrd.resize(initrd.len().next_multiple_of(4), 0);
        initrd.extend(fs::read(&archive)?);
        fs::write(folder.join("initrd"), initrd)?;
        let card = folder.join("card.img");
        // A size that is a power of two, as the controller wants.
        File::create(&card)?.set_len(64 << 20)?;
        run(Command::new("mke2fs").args(["-q", "-t", "ext4"]).arg(&card))?;
        let console = parts.join("console");
        let _ = fs::remove_dir_all(&console);
        fs::create_dir_all(&console)?;
        Ok(Self {
            folder: folder.to_owned(),
            parts: parts.to_owned(),
            console,
            boots: 0,
            clock_port: clock()?,
        })
    }

    /// Switches it on.
    pub(crate) fn start(&mut self) -> Result<Running> {
        self.boots += 1;
        let in_folder = |name: &str| self.folder.join(name);
        for socket in ["control.sock", "serial.sock"] {
            let _ = fs::remove_file(in_folder(socket));
        }
        let console = self.console.join(format!("boot-{:02}.log", self.boots));
        let qemu = Command::new("qemu-system-aarch64")
            .args(["-M", "raspi3b", "-display", "none", "-monitor", "none", "-no-reboot"])
            .arg("-kernel")
            .arg(self.parts.join("vmlinuz"))
            .arg("-dtb")
            .arg(self.parts.join("board.dtb"))
            .arg("-initrd")
            .arg(in_folder("initrd"))
            .arg("-append")
            .arg(format!(
                "console=ttyAMA0,115200 iomem=relaxed panic=1 rdinit=/init quiet tram.clock={}",
                self.clock_port
            ))
            .arg("-serial")
            .arg(format!("file:{}", console.display()))
            .arg("-serial")
            .arg(format!("unix:{},server,nowait", in_folder("serial.sock").display()))
            .args(["-device", "dps310,bus=i2c-bus.1,address=0x77"])
            .args(["-device", "tmp105,id=thermometer,bus=i2c-bus.1,address=0x48"])
            .arg("-drive")
            .arg(format!("if=sd,format=raw,file={}", in_folder("card.img").display()))
            .args(["-netdev", "user,id=network", "-device", "usb-net,netdev=network"])
            .arg("-qmp")
            .arg(format!("unix:{},server,nowait", in_folder("control.sock").display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(in_folder("qemu.log"))?)
            .spawn()
            .context("qemu-system-aarch64 cannot be started")?;
        let connect = |name: &str| {
            let path = in_folder(name);
            until(name, OPENING, || UnixStream::connect(&path).ok())
                .with_context(|| fs::read_to_string(in_folder("qemu.log")).unwrap_or_default())
        };
        let control = Control::new(connect("control.sock")?)?;
        Ok(Running { qemu, control, serial: connect("serial.sock")? })
    }

    /// What the console of the last boot showed.
    pub(crate) fn console(&self) -> String {
        let path = self.console.join(format!("boot-{:02}.log", self.boots));
        String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
    }
}

impl Running {
    /// Cuts the power.
    pub(crate) fn cut(mut self) -> Result<()> {
        self.qemu.kill()?;
        self.qemu.wait()?;
        Ok(())
    }

    /// Warms or cools the TMP105, in thousandths of a degree.
    pub(crate) fn set_temperature(&mut self, millidegrees: i32) -> Result<()> {
        let path = "/machine/peripheral/thermometer";
        let change = json!({"path": path, "property": "temperature", "value": millidegrees});
        self.control.execute("qom-set", &change).map(|_| ())
    }

    /// Plugs the network cable in or out.
    pub(crate) fn set_network(&mut self, up: bool) -> Result<()> {
        self.control.execute("set_link", &json!({"name": "network", "up": up})).map(|_| ())
    }

    /// Whether a pin is high, as its register says.
    pub(crate) fn pin(&mut self, pin: u32) -> Result<bool> {
        let line = format!("xp /1wx {GPLEV0}");
        let answer =
            self.control.execute("human-monitor-command", &json!({"command-line": line}))?;
        let text = answer.as_str().context("no text")?;
        let word = text.trim().rsplit("0x").next().context("no number")?;
        Ok(u32::from_str_radix(word, 16)? >> pin & 1 == 1)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

/// QEMU's control socket (QMP).
struct Control {
    write: UnixStream,
    read: BufReader<UnixStream>,
}

impl Control {
    fn new(socket: UnixStream) -> Result<Self> {
        socket.set_read_timeout(Some(OPENING))?;
        let mut control = Self { read: BufReader::new(socket.try_clone()?), write: socket };
        control.line()?;
        control.execute("qmp_capabilities", &json!({}))?;
        Ok(control)
    }

    fn line(&mut self) -> Result<Value> {
        let mut line = String::new();
        ensure!(self.read.read_line(&mut line)? > 0, "QEMU has ended");
        Ok(serde_json::from_str(&line)?)
    }

    fn execute(&mut self, command: &str, arguments: &Value) -> Result<Value> {
        writeln!(self.write, "{}", json!({"execute": command, "arguments": arguments}))?;
        loop {
            // Events come in between.
            let mut answer = self.line()?;
            if let Some(error) = answer.get("error") {
                anyhow::bail!("QEMU refuses {command}: {error}");
            }
            if let Some(value) = answer.get_mut("return") {
                return Ok(value.take());
            }
        }
    }
}

/// Says the time in seconds since 1970 to whoever connects; its port.
fn clock() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    thread::spawn(move || {
        for mut guest in listener.incoming().flatten() {
            #[expect(clippy::disallowed_methods, reason = "a test has a clock of its own")]
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            let _ = writeln!(guest, "{}", now.unwrap_or_default().as_secs());
        }
    });
    Ok(port)
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("{:?}", command.get_program()))?;
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}

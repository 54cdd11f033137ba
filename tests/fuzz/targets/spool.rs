//! A spool whose files hold anything opens or says why not, keeps working, and what is written
//! then is read back.
#![no_main]

use std::{cell::RefCell, collections::BTreeMap, io, rc::Rc};

use libfuzzer_sys::fuzz_target;
use tram_spool::{Disk, DiskFile, Options, Priority, Span, Spool};
use tram_wire::ClockState;

const SPAN: Span = Span { clock: ClockState::Ntp, from: 0, to: 0, readings: 1 };

type Content = Rc<RefCell<Vec<u8>>>;

#[derive(Clone, Default)]
struct Memory(Rc<RefCell<BTreeMap<String, Content>>>);

struct MemoryFile(Content);

impl Disk for Memory {
    type File = MemoryFile;
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.0.borrow().keys().cloned().collect())
    }
    fn open(&self, name: &str) -> io::Result<MemoryFile> {
        Ok(MemoryFile(self.0.borrow_mut().entry(name.to_owned()).or_default().clone()))
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let file = self.0.borrow_mut().remove(from).ok_or(io::ErrorKind::NotFound)?;
        self.0.borrow_mut().insert(to.to_owned(), file);
        Ok(())
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.0.borrow_mut().remove(name).map(|_| ()).ok_or(io::ErrorKind::NotFound.into())
    }
    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

impl DiskFile for MemoryFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.0.borrow().len() as u64)
    }
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let content = self.0.borrow();
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let end = start.checked_add(buf.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        buf.copy_from_slice(content.get(start..end).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut content = self.0.borrow_mut();
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
        let end = start + bytes.len();
        if content.len() < end {
            content.resize(end, 0);
        }
        content[start..end].copy_from_slice(bytes);
        Ok(())
    }
    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.0.borrow_mut().resize(len as usize, 0);
        Ok(())
    }
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fuzz_target!(|bytes: &[u8]| {
    let disk = Memory::default();
    {
        let (mut spool, _) = Spool::open_on(disk.clone(), Options::default()).expect("empty");
        spool.append(Priority::Routine, SPAN, 0, b"one").expect("room");
        spool.append(Priority::Alarm, SPAN, 0, b"two").expect("room");
        spool.commit().expect("memory");
    }
    // Each chunk overwrites a piece of one of the files: which, where, what.
    let names: Vec<String> = disk.0.borrow().keys().cloned().collect();
    for chunk in bytes.chunks(6) {
        let [file, at, rest @ ..] = chunk else { break };
        let name = &names[usize::from(*file) % names.len()];
        let mut handle = disk.open(name).expect("it is there");
        let _ = handle.write_at(u64::from(*at), rest);
    }
    if let Ok((mut spool, _)) = Spool::open_on(disk, Options::default()) {
        let seq = spool.append(Priority::Routine, SPAN, 0, b"three").expect("room");
        spool.commit().expect("memory");
        assert_eq!(spool.read(seq).expect("memory").as_deref(), Some(&b"three"[..]));
    }
});

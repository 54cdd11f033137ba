//! The layer as SQLite sees it: a “VFS” of C functions over the system's own.
//!
//! Everything unsafe of this workspace is in this file. SQLite promises for each call that its
//! pointers are valid, that a file is used by one thread at a time, and that `xClose` is the last
//! call for a file (<https://sqlite.org/c3ref/io_methods.html>, <https://sqlite.org/c3ref/vfs.html>);
//! the `SAFETY` comments below rest on that. What is decided about the bytes is in `file.rs`.

use std::{
    ffi::{CStr, OsStr, c_char, c_int, c_void},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    ptr, slice,
    sync::OnceLock,
};

use rusqlite::{Connection, ffi};

use crate::{
    checksum::RESERVED,
    file::{Checked, Kind},
    watch::{self, Verdict},
};

/// The name SQLite knows the layer under.
const NAME: &CStr = c"tram-pages";

/// Registers the layer once and says its name.
pub(crate) fn name() -> rusqlite::Result<&'static CStr> {
    static REGISTERED: OnceLock<c_int> = OnceLock::new();
    match *REGISTERED.get_or_init(register) {
        ffi::SQLITE_OK => Ok(NAME),
        code => Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)),
    }
}

/// Asks for room for a checksum in each page. One that exists keeps what it has.
pub(crate) fn reserve(db: &Connection) {
    let mut bytes = c_int::try_from(RESERVED).unwrap_or_default();
    // SAFETY: the handle is open as long as `db` is; a null name means the main database; the
    // argument of this operation is an `int` that is read and written during the call only.
    unsafe {
        ffi::sqlite3_file_control(
            db.handle(),
            ptr::null(),
            ffi::SQLITE_FCNTL_RESERVE_BYTES,
            ptr::from_mut(&mut bytes).cast(),
        );
    }
}

fn register() -> c_int {
    // SAFETY: a null name means the default VFS; what is found is never taken away again, since
    // nobody here unregisters one.
    let base = unsafe { ffi::sqlite3_vfs_find(ptr::null()) };
    // SAFETY: `base` is null or valid, see above; the fields of the copy are read only.
    let Some(below) = (unsafe { base.as_ref() }) else { return ffi::SQLITE_ERROR };
    let head = c_int::try_from(size_of::<OpenFile>()).unwrap_or_default();
    let layer = ffi::sqlite3_vfs {
        // The second version; the third is about replacing system calls.
        iVersion: 2,
        szOsFile: head + below.szOsFile,
        mxPathname: below.mxPathname,
        pNext: ptr::null_mut(),
        zName: NAME.as_ptr(),
        pAppData: base.cast(),
        xOpen: Some(open),
        xDelete: Some(delete),
        xAccess: Some(access),
        xFullPathname: Some(full_pathname),
        xDlOpen: Some(dl_open),
        xDlError: Some(dl_error),
        xDlSym: Some(dl_sym),
        xDlClose: Some(dl_close),
        xRandomness: Some(randomness),
        xSleep: Some(sleep),
        xCurrentTime: Some(current_time),
        xGetLastError: Some(last_error),
        xCurrentTimeInt64: Some(current_time_int64),
        xSetSystemCall: None,
        xGetSystemCall: None,
        xNextSystemCall: None,
    };
    // SAFETY: the layer is leaked, so it lives as long as the program; it is no default.
    unsafe { ffi::sqlite3_vfs_register(Box::leak(Box::new(layer)), 0) }
}

/// An open file in the memory SQLite gives for it. The file of the VFS below follows it.
#[repr(C)]
struct OpenFile {
    /// What SQLite sees.
    head: ffi::sqlite3_file,
    /// The file below.
    real: *mut ffi::sqlite3_file,
    /// Ours, from `Box::into_raw`.
    checked: *mut Checked,
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    // The second version; the third would let SQLite read pages past us, from mapped memory.
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

/// Calls a method of the VFS below.
macro_rules! below {
    ($vfs:expr, $method:ident($($argument:expr),*), $missing:expr) => {{
        // SAFETY: `pAppData` of our VFS is the VFS below, valid for ever (see `register`); the
        // arguments are those SQLite has just given us for the same method.
        unsafe {
            let base = (*$vfs).pAppData.cast::<ffi::sqlite3_vfs>();
            match (*base).$method {
                Some(method) => method(base, $($argument),*),
                None => $missing,
            }
        }
    }};
}

/// Calls a method of the file below.
macro_rules! real {
    ($file:expr, $method:ident($($argument:expr),*), $missing:expr) => {{
        // SAFETY: `$file` was set up by `open`, so its `real` is an open file of the VFS below
        // with valid methods; the arguments are those SQLite has just given us for the same
        // method, or name memory of at least the same length.
        unsafe {
            let real = (*$file.cast::<OpenFile>()).real;
            match (*(*real).pMethods).$method {
                Some(method) => method(real, $($argument),*),
                None => $missing,
            }
        }
    }};
}

/// What is ours of a file.
///
/// # Safety
/// `file` must have been set up by [`open`] and not closed, and nothing else may hold what this
/// gives: so it is called at the start of a method, once.
unsafe fn checked<'a>(file: *mut ffi::sqlite3_file) -> &'a mut Checked {
    // SAFETY: as the caller promises; `checked` came from a box and is freed by `close` alone.
    unsafe { &mut *(*file.cast::<OpenFile>()).checked }
}

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    let kind = [
        (ffi::SQLITE_OPEN_MAIN_DB, Kind::Database),
        (ffi::SQLITE_OPEN_WAL, Kind::WriteAhead),
        (ffi::SQLITE_OPEN_MAIN_JOURNAL, Kind::Journal),
    ]
    .into_iter()
    .find(|(flag, _)| flags & flag != 0)
    .map(|(_, kind)| kind);
    let Some(kind) = kind.filter(|_| !name.is_null()) else {
        // Files for the moment, which only live in this process: SQLite's own methods are enough.
        return below!(vfs, xOpen(name, file, flags, out_flags), ffi::SQLITE_CANTOPEN);
    };
    let ours = file.cast::<OpenFile>();
    // SAFETY: SQLite gives `szOsFile` bytes: ours and, behind them, those the VFS below asked for.
    let real = unsafe { ours.add(1) }.cast::<ffi::sqlite3_file>();
    // SAFETY: `ours` has room for an `OpenFile`; no methods mean that there is nothing to close.
    unsafe { (*ours).head.pMethods = ptr::null() };
    // SAFETY: a file name is a C string.
    let path = unsafe { path(name) };
    let code = below!(vfs, xOpen(name, real, flags, out_flags), ffi::SQLITE_CANTOPEN);
    if code != ffi::SQLITE_OK {
        // SAFETY: `real` was just used by `xOpen`, which sets its methods in any case; if there
        // are some, the file wants to be closed.
        unsafe {
            if let Some(close) = (*real).pMethods.as_ref().and_then(|m| m.xClose) {
                close(real);
            }
        }
        return code;
    }
    watch::opened(&path);
    let checked = Box::into_raw(Box::new(Checked::new(path, kind)));
    // SAFETY: `ours` has room for an `OpenFile`.
    unsafe {
        ours.write(OpenFile {
            head: ffi::sqlite3_file { pMethods: &raw const METHODS },
            real,
            checked,
        });
    };
    code
}

/// # Safety
/// `name` must be a C string.
unsafe fn path(name: *const c_char) -> PathBuf {
    // SAFETY: as the caller promises.
    let name = unsafe { CStr::from_ptr(name) };
    Path::new(OsStr::from_bytes(name.to_bytes())).to_owned()
}

unsafe extern "C" fn delete(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    sync_folder: c_int,
) -> c_int {
    // SAFETY: a file name is a C string.
    let path = unsafe { path(name) };
    let code = below!(vfs, xDelete(name, sync_folder), ffi::SQLITE_IOERR_DELETE);
    if code == ffi::SQLITE_OK {
        watch::removed(&path, sync_folder != 0);
    }
    code
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    let code = real!(file, xClose(), ffi::SQLITE_IOERR_CLOSE);
    let ours = file.cast::<OpenFile>();
    // SAFETY: `checked` came from a box in `open`; this is the last call for the file.
    unsafe {
        drop(Box::from_raw((*ours).checked));
        (*ours).head.pMethods = ptr::null();
    }
    code
}

unsafe extern "C" fn read(
    file: *mut ffi::sqlite3_file,
    buffer: *mut c_void,
    amount: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    let code = real!(file, xRead(buffer, amount, offset), ffi::SQLITE_IOERR_READ);
    if code != ffi::SQLITE_OK {
        return code;
    }
    // SAFETY: SQLite gives a buffer of `amount` bytes, and the call above has filled it.
    let bytes = unsafe { slice::from_raw_parts_mut(buffer.cast::<u8>(), length(amount)) };
    // SAFETY: the file is open, and this is the only use of it in here.
    let checked = unsafe { checked(file) };
    let more = |bytes: &mut [u8], offset: u64| {
        let (buffer, amount) = (bytes.as_mut_ptr().cast(), c_int::try_from(bytes.len()));
        let (Ok(amount), Ok(offset)) = (amount, i64::try_from(offset)) else { return false };
        real!(file, xRead(buffer, amount, offset), ffi::SQLITE_IOERR_READ) == ffi::SQLITE_OK
    };
    match checked.was_read(bytes, offset.unsigned_abs(), more) {
        Ok(()) => ffi::SQLITE_OK,
        Err(code) => code,
    }
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    buffer: *const c_void,
    amount: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite gives a buffer of `amount` bytes and leaves it alone during the call.
    let bytes = unsafe { slice::from_raw_parts(buffer.cast::<u8>(), length(amount)) };
    // SAFETY: the file is open, and this is the only use of it in here.
    let checked = unsafe { checked(file) };
    let (bytes, answer) = checked.before_write(bytes, offset.unsigned_abs());
    let amount = c_int::try_from(bytes.len()).unwrap_or_default();
    let code = real!(file, xWrite(bytes.as_ptr().cast(), amount, offset), ffi::SQLITE_IOERR_WRITE);
    match answer {
        Verdict::Stop(stop) if code == ffi::SQLITE_OK => stop,
        _ => code,
    }
}

/// An amount of bytes, never negative.
fn length(amount: c_int) -> usize {
    usize::try_from(amount).unwrap_or_default()
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: ffi::sqlite3_int64) -> c_int {
    // SAFETY: the file is open, and this is the only use of it in here.
    let checked = unsafe { checked(file) };
    if let Verdict::Stop(code) = watch::truncate(&checked.path, size.unsigned_abs()) {
        return code;
    }
    real!(file, xTruncate(size), ffi::SQLITE_IOERR_TRUNCATE)
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: the file is open, and this is the only use of it in here.
    let checked = unsafe { checked(file) };
    let code = match watch::sync(&checked.path) {
        Verdict::Go => real!(file, xSync(flags), ffi::SQLITE_IOERR_FSYNC),
        Verdict::Stop(code) => code,
    };
    if code != ffi::SQLITE_OK {
        checked.not_synced();
    }
    code
}

unsafe extern "C" fn device_characteristics(file: *mut ffi::sqlite3_file) -> c_int {
    let flags = real!(file, xDeviceCharacteristics(), 0);
    // Reading a part of a page would read it unchecked; and what writes several pages at once
    // writes them past us.
    flags & !(ffi::SQLITE_IOCAP_SUBPAGE_READ | ffi::SQLITE_IOCAP_BATCH_ATOMIC)
}

/// Methods of a file that are passed on as they are.
macro_rules! pass {
    ($($name:ident = $method:ident($($argument:ident: $type:ty),*) -> $result:ty, $missing:expr;)*) => {$(
        unsafe extern "C" fn $name(file: *mut ffi::sqlite3_file $(, $argument: $type)*) -> $result {
            real!(file, $method($($argument),*), $missing)
        }
    )*};
}

pass! {
    file_size = xFileSize(size: *mut ffi::sqlite3_int64) -> c_int, ffi::SQLITE_IOERR_FSTAT;
    lock = xLock(level: c_int) -> c_int, ffi::SQLITE_IOERR_LOCK;
    unlock = xUnlock(level: c_int) -> c_int, ffi::SQLITE_IOERR_UNLOCK;
    check_reserved_lock = xCheckReservedLock(out: *mut c_int) -> c_int, ffi::SQLITE_IOERR_CHECKRESERVEDLOCK;
    file_control = xFileControl(operation: c_int, argument: *mut c_void) -> c_int, ffi::SQLITE_NOTFOUND;
    sector_size = xSectorSize() -> c_int, 4096;
    shm_map = xShmMap(page: c_int, size: c_int, extend: c_int, out: *mut *mut c_void) -> c_int, ffi::SQLITE_IOERR_SHMMAP;
    shm_lock = xShmLock(offset: c_int, n: c_int, flags: c_int) -> c_int, ffi::SQLITE_IOERR_SHMLOCK;
    shm_barrier = xShmBarrier() -> (), ();
    shm_unmap = xShmUnmap(remove: c_int) -> c_int, ffi::SQLITE_OK;
}

/// Methods of the VFS that are passed on as they are.
macro_rules! hand_down {
    ($($name:ident = $method:ident($($argument:ident: $type:ty),*) -> $result:ty, $missing:expr;)*) => {$(
        unsafe extern "C" fn $name(vfs: *mut ffi::sqlite3_vfs $(, $argument: $type)*) -> $result {
            below!(vfs, $method($($argument),*), $missing)
        }
    )*};
}

/// A function of a loaded library.
type Symbol = Option<unsafe extern "C" fn(*mut ffi::sqlite3_vfs, *mut c_void, *const c_char)>;

hand_down! {
    access = xAccess(name: *const c_char, flags: c_int, out: *mut c_int) -> c_int, ffi::SQLITE_IOERR_ACCESS;
    full_pathname = xFullPathname(name: *const c_char, n: c_int, out: *mut c_char) -> c_int, ffi::SQLITE_CANTOPEN;
    dl_open = xDlOpen(name: *const c_char) -> *mut c_void, ptr::null_mut();
    dl_error = xDlError(n: c_int, out: *mut c_char) -> (), ();
    dl_sym = xDlSym(library: *mut c_void, symbol: *const c_char) -> Symbol, None;
    dl_close = xDlClose(library: *mut c_void) -> (), ();
    randomness = xRandomness(n: c_int, out: *mut c_char) -> c_int, 0;
    sleep = xSleep(microseconds: c_int) -> c_int, 0;
    current_time = xCurrentTime(out: *mut f64) -> c_int, ffi::SQLITE_ERROR;
    last_error = xGetLastError(n: c_int, out: *mut c_char) -> c_int, 0;
    current_time_int64 = xCurrentTimeInt64(out: *mut ffi::sqlite3_int64) -> c_int, ffi::SQLITE_ERROR;
}

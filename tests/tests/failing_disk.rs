//! A disk that fails under a running centre: the program's calls of the system are answered with
//! input/output errors from outside, by a library loaded before the system's own.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use tram_tests::{Centre, Mosquitto, Node, PARTS, Tally, binary, skip, stored, until};

const NODE: &str = "failing-01";
const PATIENCE: Duration = Duration::from_secs(60);

/// Fails what the file says (`sync` or `write`) with the files of the data folder, while the file
/// is there.
const LIBRARY: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int fails(const char *what, int fd) {
    char told[16] = "", link[64], name[4096];
    FILE *file = fopen(getenv("TRAM_TEST_FAILS"), "r");
    if (!file) return 0;
    if (!fgets(told, sizeof told, file)) told[0] = 0;
    fclose(file);
    if (strcmp(told, what)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, name, sizeof name - 1);
    if (n < 0) return 0;
    name[n] = 0;
    return strstr(name, "/centre/") != NULL;
}

#define FAIL(what, name, result, arguments, call) \
    result name arguments { \
        static result (*real) arguments; \
        if (!real) real = (result (*) arguments)dlsym(RTLD_NEXT, #name); \
        if (fails(what, fd)) { errno = EIO; return -1; } \
        return real call; \
    }

FAIL("sync", fsync, int, (int fd), (fd))
FAIL("sync", fdatasync, int, (int fd), (fd))
FAIL("write", pwrite, ssize_t, (int fd, const void *b, size_t n, off_t o), (fd, b, n, o))
FAIL("write", pwrite64, ssize_t, (int fd, const void *b, size_t n, off64_t o), (fd, b, n, o))
"#;

struct Scene {
    _broker: Mosquitto,
    centre: Centre,
    node: Node,
    configuration: PathBuf,
    library: PathBuf,
    fails: PathBuf,
}

impl Scene {
    /// `None` when it cannot be made here.
    fn start(folder: &Path) -> Option<Self> {
        if !Mosquitto::installed() {
            skip("Debian's mosquitto is not installed (sudo apt install mosquitto)");
            return None;
        }
        let (source, library) = (folder.join("fail.c"), folder.join("fail.so"));
        fs::write(&source, LIBRARY).unwrap();
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-o"])
            .args([&library, &source])
            .arg("-ldl")
            .status();
        if !built.is_ok_and(|status| status.success()) {
            skip("there is no C compiler (sudo apt install gcc)");
            return None;
        }
        let broker = Mosquitto::start(folder).unwrap();
        let configuration = folder.join("ingest.toml");
        let text = format!(
            "data = \"{}/centre\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
             [broker]\nurl = \"mqtt://127.0.0.1:{}\"\n\
             [[station]]\nid = \"{NODE}\"\nname = \"F\"\nlat = 22.0\nlon = 104.0\n",
            folder.display(),
            broker.port
        );
        fs::write(&configuration, text).unwrap();
        let fails = folder.join("fails");
        let centre = start(folder, &configuration, &library, &fails);
        let at = Node::open_broker(broker.port);
        let scenario = "scenario = \"storm\"\nseed = 5\nspeed = 60";
        let mut node = Node::prepare(folder, NODE, &at, scenario, PARTS).unwrap();
        node.start().unwrap();
        until("readings", PATIENCE, || (stored(&centre, NODE) > 100).then_some(())).unwrap();
        Some(Self { _broker: broker, centre, node, configuration, library, fails })
    }

    fn start_again(&mut self) {
        let folder = self.centre.folder().to_owned();
        self.centre = start(&folder, &self.configuration, &self.library, &self.fails);
    }
}

fn start(folder: &Path, configuration: &Path, library: &Path, fails: &Path) -> Centre {
    let mut command = Command::new(binary("tram-ingest").unwrap());
    command.env("LD_PRELOAD", library).env("TRAM_TEST_FAILS", fails);
    Centre::start_as(command, folder, configuration).unwrap()
}

#[test]
fn a_sync_that_fails_ends_the_centre_which_goes_on_from_what_is_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut scene) = Scene::start(folder.path()) else { return };
    for _ in 0..3 {
        fs::write(&scene.fails, "sync").unwrap();
        let status = scene.centre.program.exited(PATIENCE).unwrap();
        let said = scene.centre.program.printed();
        assert_eq!(status.code(), Some(1), "{said}");
        assert!(
            said.contains("did not confirm a write") && said.contains("check the disk"),
            "{said}"
        );
        fs::remove_file(&scene.fails).unwrap();
        scene.start_again();
        let before = stored(&scene.centre, NODE);
        until("more readings", PATIENCE, || {
            (stored(&scene.centre, NODE) > before + 50).then_some(())
        })
        .unwrap();
    }
    println!("{}", Tally::of(&scene.centre, &mut scene.node, 0).unwrap());
}

#[test]
fn writes_that_fail_hold_up_the_node_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut scene) = Scene::start(folder.path()) else { return };
    let ready = |scene: &Scene| {
        let answer = ureq::get(scene.centre.url("/readyz"))
            .config()
            .http_status_as_error(false)
            .build()
            .call()
            .unwrap();
        answer.status() == 200
    };
    fs::write(&scene.fails, "write").unwrap();
    until("unreadiness", PATIENCE, || (!ready(&scene)).then_some(())).unwrap();
    let before = stored(&scene.centre, NODE);
    let sampled = scene.node.sampled().unwrap().len();
    until("samples", PATIENCE, || (scene.node.sampled().ok()?.len() > sampled + 200).then_some(()))
        .unwrap();
    assert_eq!(stored(&scene.centre, NODE), before, "something was stored nowhere");
    fs::remove_file(&scene.fails).unwrap();
    until("readiness", PATIENCE, || ready(&scene).then_some(())).unwrap();
    assert!(scene.centre.program.running());
    println!("{}", Tally::of(&scene.centre, &mut scene.node, 0).unwrap());
}

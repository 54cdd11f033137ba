//! Says when the embedded web page has changed. A debug build reads the page from its folder at
//! run time; only a release build carries it.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var_os("PROFILE").is_some_and(|profile| profile == "release") {
        println!("cargo:rerun-if-changed=web/dist");
    }
}

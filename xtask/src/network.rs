//! A network with nobody else in it, for programs that must not meet the outside.
//!
//! The real server offers the addresses of its interfaces and never the loopback one, so it needs an
//! interface. Inside a network namespace it gets one end of a virtual cable, and what it sends cannot
//! leave the machine. The namespace goes when the last program in it ends; nothing is to be removed.

use std::env;

use anyhow::{Context, Result, bail};

use crate::process::{Finished, Job, NESTED, Output};

const WITH_PRIVILEGES: &[&str] = &["--net"];
/// For other users: a namespace of users in which they may set up a network.
const WITHOUT_PRIVILEGES: &[&str] = &["--user", "--map-root-user", "--net"];

/// Lays the cable, then becomes the program that is given as arguments.
///
/// The route is for Firefox: it takes the address from which it would reach that one, sends nothing there,
/// and without it has no address at all.
const LAY_CABLE_AND_RUN: &str = r#"
set -e
PATH=$PATH:/usr/sbin:/sbin
ip link add streamsdk0 type veth peer name streamsdk1
ip address add 10.77.0.1/24 dev streamsdk0
for link in lo streamsdk0 streamsdk1; do ip link set "$link" up; done
ip route add 8.8.8.8/32 dev streamsdk0
exec "$@"
"#;

/// Runs this program again, with other arguments, in a network of its own.
///
/// Where the system does not allow that it runs in the machine's network, and says so.
pub fn rerun_isolated(arguments: &[String]) -> Result<Finished> {
    let program = env::current_exe().context("cannot find this program")?;
    let job = match permitted_namespace() {
        Ok(namespace) => isolated(namespace).arg(program),
        Err(reason) => {
            println!("no network of its own ({reason:#}): using the machine's network");
            Job::new(program)
        }
    };
    job.args(arguments).env(NESTED, "1").run()
}

fn permitted_namespace() -> Result<&'static [&'static str]> {
    if try_out(WITH_PRIVILEGES).is_ok() {
        return Ok(WITH_PRIVILEGES);
    }
    try_out(WITHOUT_PRIVILEGES).map(|()| WITHOUT_PRIVILEGES)
}

fn try_out(namespace: &[&str]) -> Result<()> {
    if !cfg!(target_os = "linux") {
        bail!("only Linux has network namespaces");
    }
    isolated(namespace).arg("true").output(Output::Capture).run_successfully().map(drop)
}

fn isolated(namespace: &[&str]) -> Job {
    Job::new("unshare").args(namespace).args(["--", "sh", "-c", LAY_CABLE_AND_RUN, "sh"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_isolated_network_has_loopback_and_one_address_and_no_way_out() {
        let Ok(namespace) = permitted_namespace() else { return };
        let look = "ip -o -4 address; ip route show default";
        let seen = isolated(namespace).args(["sh", "-c", look]).output(Output::Capture).run();
        let seen = seen.unwrap().stdout;
        let mut addresses: Vec<_> =
            seen.lines().filter_map(|line| line.split_ascii_whitespace().nth(3)).collect();
        addresses.sort_unstable();
        assert_eq!(addresses, ["10.77.0.1/24", "127.0.0.1/8"]);
        assert!(!seen.contains("default"), "{seen}");
    }
}

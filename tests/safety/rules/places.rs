//! The rules about volumes, their mounts, and ports.

use serde_json::json;

use super::{breaks, with};
use crate::checker::violations;

#[test]
fn wants_volumes_of_one_kind() {
    breaks(
        "/spec/volumes/0/hostPath",
        json!({"path": "/x"}),
        "spec.volumes[0]: has more than one source",
    );
    breaks(
        "/spec/volumes/1/hostPath/path",
        json!(""),
        "spec.volumes[1].hostPath: has no path",
    );
    breaks(
        "/spec/volumes/1/hostPath/path",
        json!("/a/../b"),
        "spec.volumes[1].hostPath: the path has a `..`",
    );
    breaks(
        "/spec/volumes/1/hostPath/type",
        json!("Any"),
        "spec.volumes[1].hostPath: there is no type `Any`",
    );
    let item = "/spec/volumes/2/downwardAPI/items/0";
    let at = "spec.volumes[2].downwardAPI.items[0]";
    for path in ["/labels", "../labels"] {
        breaks(
            &format!("{item}/path"),
            json!(path),
            &format!("{at}: the path leads out of the volume"),
        );
    }
    breaks(
        &format!("{item}/fieldRef/fieldPath"),
        json!("status.podIP"),
        &format!("{at}.fieldRef: there is no field `status.podIP` for files"),
    );
}

#[test]
fn wants_mounts_of_volumes_at_places_of_their_own() {
    let place = "/spec/containers/0/volumeMounts/-";
    let at = "spec.containers[0].volumeMounts[3]";
    let mount = |volume: &str, path: &str| json!({"name": volume, "mountPath": path});
    breaks(
        place,
        mount("gone", "/gone"),
        &format!("{at}: there is no volume `gone`"),
    );
    for path in ["/data", "/dev/block"] {
        breaks(
            place,
            mount("data", path),
            &format!("{at}: the path `{path}` is there twice"),
        );
    }
    breaks(
        place,
        mount("block", "/block"),
        &format!("{at}: the volume is a block device of the container"),
    );
    breaks(
        place,
        mount("data", "relative"),
        &format!("{at}: `relative` is not absolute"),
    );
    breaks(
        place,
        mount("data", "/a:b"),
        &format!("{at}: `/a:b` has a `:`"),
    );
    breaks(place, mount("data", ""), &format!("{at}: has no mountPath"));
    let with_path = |key: &str, path: &str| {
        let mut mount = mount("data", "/sub");
        mount["subPath"] = json!("a");
        mount[key] = json!(path);
        mount
    };
    for path in ["/a", "a/../b"] {
        breaks(
            place,
            with_path("subPath", path),
            &format!("{at}: the path leads out of the volume"),
        );
    }
    breaks(
        place,
        with_path("subPathExpr", "$(A)"),
        &format!("{at}: has both subPath and subPathExpr"),
    );
    breaks(
        "/spec/containers/0/volumeDevices/0/name",
        json!("gone"),
        "spec.containers[0].volumeDevices[0]: there is no volume `gone`",
    );
}

#[test]
fn wants_ports_that_are_free() {
    let place = "/spec/containers/1/ports/0";
    let at = "spec.containers[1].ports[0]";
    for number in [0, 65536] {
        breaks(
            &format!("{place}/containerPort"),
            json!(number),
            &format!("{at}: {number} is no port"),
        );
    }
    breaks(
        &format!("{place}/protocol"),
        json!("HTTP"),
        &format!("{at}: there is no protocol `HTTP`"),
    );
    breaks(
        "/spec/hostNetwork",
        json!(true),
        &format!("{at}: is a port of the node that is taken"),
    );
    let other = ("/spec/containers/1/ports/0/protocol", json!("UDP"));
    assert_eq!(
        violations(&with(&[("/spec/hostNetwork", json!(true)), other])),
        [""; 0]
    );
}

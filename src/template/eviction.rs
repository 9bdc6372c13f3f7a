//! The annotation by which the cluster autoscaler is told which volumes on the disk of a node do not keep
//! a pod there. It may be the user's: a list of names, to which those of the policy are added.

use super::journal::{Extension, Journal};
use super::{JournalIsFull, Plan, Template, VolumeKind};

/// The annotation's key.
pub const SAFE_TO_EVICT: &str = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes";

impl Plan {
    /// The names of the volumes that it adds and that the autoscaler takes for local.
    #[must_use]
    pub fn local_volumes(&self) -> Vec<String> {
        let is_local = |kind| matches!(kind, VolumeKind::EmptyDir | VolumeKind::HostFile(_));
        self.volumes
            .iter()
            .filter(|(_, kind)| is_local(*kind))
            .map(|(name, _)| name.clone())
            .collect()
    }
}

impl Template<'_> {
    /// Lists volumes in the annotation, behind what is there, and notes it in the journal, where there is
    /// one.
    ///
    /// # Errors
    /// The annotation or the journal would be too large: nothing is done then.
    pub fn list_local_volumes(
        &mut self,
        names: &[String],
        journal: Option<&mut Journal>,
    ) -> Result<(), JournalIsFull> {
        let own = self.annotation(SAFE_TO_EVICT);
        let behind = lacking(own.unwrap_or_default(), names);
        if behind.is_empty() {
            return Ok(());
        }
        let added = [(SAFE_TO_EVICT, behind)];
        let room = self.room_beside(&added).ok_or(JournalIsFull)?;
        let [(key, behind)] = added;
        let text = format!("{}{behind}", own.unwrap_or_default());
        if let Some(journal) = journal {
            let record = match own {
                Some(_) => Journal::of_list(key, Extension::behind(behind)),
                None => Journal::of_annotation(key, &text),
            };
            if !journal.fits(&record, room) {
                return Err(JournalIsFull);
            }
            journal.add(record);
        }
        self.annotate(key, text);
        Ok(())
    }
}

/// What has to stand behind `own` so that it has all names. The autoscaler cuts it at the commas, and blanks
/// are part of a name.
fn lacking(own: &str, names: &[String]) -> String {
    let mut behind = String::new();
    for name in names {
        if own.split(',').any(|listed| listed == name) {
            continue;
        }
        let ends_with_a_name = !(own.is_empty() || own.ends_with(','));
        if ends_with_a_name || !behind.is_empty() {
            behind.push(',');
        }
        behind.push_str(name);
    }
    behind
}

#[cfg(test)]
mod tests {
    use super::super::{Source, journal};
    use super::*;
    use crate::json::{Value, json};
    use wasm_bindgen_test::wasm_bindgen_test;

    fn with(own: Option<&str>) -> Value<'static> {
        let mut pod = json!({"metadata": {"name": "a"}, "spec": {"containers": [{"name": "a"}]}});
        if let Some(own) = own {
            pod["metadata"]["annotations"][SAFE_TO_EVICT] = json!(own);
        }
        pod
    }

    /// The template with a feature and the list, and its journal.
    fn injected(own: Option<&str>) -> (Value<'static>, Journal) {
        let mut template = Template::new(with(own)).unwrap();
        let mut plan = Plan {
            source: Source::default(),
            ..Plan::default()
        };
        plan.volume(&template, "datakit-a", VolumeKind::EmptyDir, "/a");
        plan.volume(&template, "timezone", VolumeKind::HostFile("/t"), "/t");
        plan.volume(&template, "datakit-b", VolumeKind::PodLabels, "/b");
        let names = plan.local_volumes();
        assert_eq!(names, ["datakit-a", "timezone"]);
        let mut journal = Journal::default();
        template.inject("x", plan, Some(&mut journal)).unwrap();
        template
            .list_local_volumes(&names, Some(&mut journal))
            .unwrap();
        template.keep_journal(journal);
        let value = template.into_value();
        let text = value["metadata"]["annotations"][journal::ANNOTATION].as_str();
        let journal = Journal::parse(text.unwrap(), |_| false).unwrap();
        (value, journal)
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn stands_behind_what_the_user_lists_and_is_taken_back() {
        for (own, expected) in [
            (None, "datakit-a,timezone"),
            (Some(""), "datakit-a,timezone"),
            (Some("cache"), "cache,datakit-a,timezone"),
            (Some("cache,"), "cache,datakit-a,timezone"),
            (Some("timezone,cache"), "timezone,cache,datakit-a"),
            (Some("datakit-a,timezone"), "datakit-a,timezone"),
            (
                Some("cache, datakit-a"),
                "cache, datakit-a,datakit-a,timezone",
            ),
        ] {
            let (mut template, journal) = injected(own);
            let annotations = &template["metadata"]["annotations"];
            assert_eq!(annotations[SAFE_TO_EVICT], expected, "{own:?}");
            let taken = journal::take_apart(&mut template, &journal);
            assert_eq!((template, taken.whole), (with(own), true), "{own:?}");
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn is_the_users_where_it_was_changed() {
        for (own, changed) in [(None, "cache"), (Some("cache"), "cache"), (Some("a"), "b")] {
            let (mut template, journal) = injected(own);
            template["metadata"]["annotations"][SAFE_TO_EVICT] = json!(changed);
            let taken = journal::take_apart(&mut template, &journal);
            let expected = (with(Some(changed)), false, vec![]);
            assert_eq!((template, taken.whole, taken.altered), expected, "{own:?}");
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn takes_no_journal_with_names_of_others() {
        let parsed = |lists: Value| {
            let journal = json!({"v": 1, "features": {"x": {"rule": "r"}}, "lists": lists});
            Journal::parse(&journal.to_string(), |_| false).map(|_| ())
        };
        let list = |extension: Value| json!({SAFE_TO_EVICT: extension});
        assert_eq!(parsed(list(json!({"behind": ",datakit-a,tmp-1"}))), Ok(()));
        for lists in [
            list(json!({"behind": ",cache"})),
            list(json!({"behind": "datakit-a", "before": "datakit-b,"})),
            json!({"example.com/list": {"behind": ",datakit-a"}}),
        ] {
            let problem = Err("names something that the policy does not add");
            assert_eq!(parsed(lists.clone()), problem, "{lists}");
        }
        assert_eq!(parsed(list(json!(7))), Err("is malformed"));
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn needs_room() {
        let names = ["datakit-a".to_owned()];
        let mut value = with(None);
        value["metadata"]["annotations"]["own"] = json!("x".repeat(256 * 1024 - 3));
        let before = value.clone();
        let mut template = Template::new(value).unwrap();
        assert_eq!(
            template.list_local_volumes(&names, None),
            Err(JournalIsFull)
        );
        assert_eq!(template.into_value(), before);
    }
}

//! The dashboard's body, which CloudFormation and its linters take as a text.

use serde_json::Value;

/// The body with its references filled in.
fn body() -> Value {
    let part = include_str!("parts/dashboard.yaml");
    let (_, body) = part.split_once("- |\n").expect("a block of JSON");
    let (body, references) = body.split_once("\n        - function:").expect("what is filled in");
    let references = format!("function:{references}");
    let mut text = String::new();
    let mut rest = body;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}').expect("a whole reference");
        let is_known = references.contains(&format!("{name}:"))
            || name.starts_with("AWS::")
            || include_str!("parts/alarms.yaml").contains(&format!("  {name}:\n"));
        assert!(is_known, "nothing is called {name}");
        text.extend([before, "filled"]);
        rest = after;
    }
    text.push_str(rest);
    serde_json::from_str(&text).expect("the body is JSON")
}

/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html>, the grid
/// is 24 wide.
#[test]
fn one_screen_without_gaps_or_overlaps() {
    let body = body();
    let widgets = body["widgets"].as_array().expect("widgets");
    let places: Vec<_> = widgets.iter().map(|widget| (widget["y"].as_u64(), widget["x"].as_u64())).collect();
    let grid = [0, 5, 10].map(|y| [0, 8, 16].map(|x| (Some(y), Some(x))));
    assert_eq!(places, grid.concat());
    for widget in widgets {
        assert_eq!((&widget["width"], &widget["height"]), (&Value::from(8), &Value::from(5)), "{widget}");
        assert!(widget["properties"]["title"].is_string(), "{widget}");
    }
}

#[test]
fn each_metric_of_ours_is_one_that_the_reference_explains() {
    let reference = include_str!("../../../docs/reference.md");
    let body = body();
    let widgets = body["widgets"].as_array().expect("widgets");
    let mut shown = 0;
    for metrics in widgets.iter().filter_map(|widget| widget["properties"]["metrics"].as_array()) {
        let mut is_ours = false;
        for metric in metrics {
            match metric[0].as_str() {
                Some("Immortal") => is_ours = true,
                Some(".") => {}
                _ => continue,
            }
            if is_ours && let Some(name) = metric[1].as_str() {
                shown += 1;
                assert!(reference.contains(&format!("`{name}`")), "{name}");
            }
        }
    }
    assert_eq!(shown, 17, "each of them, TasksStarted and TasksEnded in one graph");
}

//! What a workflow means to this worker: one processor, and names for its outputs.

use serde_json::{Map, Value};
use streamsdk_protocol::init::WorkflowConfiguration;

use crate::error_response::ErrorResponse;
use crate::processor::{OutputKind, ProcessorEntry, Processors};

/// A processor and the outputs that the workflow makes of it.
#[derive(Debug, Clone)]
pub(crate) struct ResolvedWorkflow {
    pub(crate) processor: ProcessorEntry,
    pub(crate) outputs: Vec<WorkflowOutput>,
    /// Properties that the step sets; the request's parameters go over them.
    pub(crate) step_parameters: Map<String, Value>,
}

/// One output of a workflow.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WorkflowOutput {
    pub(crate) name: String,
    pub(crate) from: OutputSource,
    pub(crate) kind: OutputKind,
}

/// Where an output comes from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum OutputSource {
    /// The frame as it was decoded.
    Frame,
    /// An output of the processor.
    Processor(String),
}

impl ResolvedWorkflow {
    pub(crate) fn find(
        configuration: &WorkflowConfiguration,
        processors: &Processors,
    ) -> Result<Self, ErrorResponse> {
        match (&configuration.workflow_specification, &configuration.workflow_id) {
            (Some(specification), _) => {
                from_specification(specification, &configuration.image_input_name, processors)
            }
            (None, Some(id)) => from_id(id, processors),
            (None, None) => Err(ErrorResponse::internal(
                "The request has neither a workflow_specification nor a workflow_id.",
            )),
        }
    }

    pub(crate) fn has_output(&self, name: &str) -> bool {
        self.outputs.iter().any(|output| output.name == name)
    }

    /// The name of the first output that is an image.
    pub(crate) fn first_image(&self) -> Option<&str> {
        let image = self.outputs.iter().find(|output| output.kind == OutputKind::Image);
        image.map(|output| output.name.as_str())
    }

    /// The names of all outputs, as the real server lists them.
    pub(crate) fn listed_outputs(&self) -> String {
        let names: Vec<&str> = self.outputs.iter().map(|output| output.name.as_str()).collect();
        format!("['{}']", names.join("', '"))
    }
}

fn from_id(id: &str, processors: &Processors) -> Result<ResolvedWorkflow, ErrorResponse> {
    let processor = processors.find(id).ok_or_else(|| {
        ErrorResponse::workflow(format!(
            "There is no workflow '{id}'. Available: {}.",
            processors.names().join(", ")
        ))
    })?;
    Ok(ResolvedWorkflow {
        outputs: own_outputs(processor),
        processor: processor.clone(),
        step_parameters: Map::new(),
    })
}

/// The processor's outputs under their own names.
fn own_outputs(processor: &ProcessorEntry) -> Vec<WorkflowOutput> {
    let own = |declaration: &crate::OutputDeclaration| WorkflowOutput {
        name: declaration.name.clone(),
        from: OutputSource::Processor(declaration.name.clone()),
        kind: declaration.kind,
    };
    processor.outputs().iter().map(own).collect()
}

fn from_specification(
    specification: &Value,
    image_input: &str,
    processors: &Processors,
) -> Result<ResolvedWorkflow, ErrorResponse> {
    let steps = specification.get("steps").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let [step] = steps else {
        return Err(ErrorResponse::workflow_syntax(
            &format!(
                "This worker runs workflows of exactly one step; this one has {}.",
                steps.len()
            ),
            None,
        ));
    };
    let text = |name: &str| step.get(name).and_then(Value::as_str).unwrap_or_default();
    let (name, kind) = (text("name"), text("type"));
    let processor = processors.find(kind).ok_or_else(|| {
        let known = processors.names().join("', '");
        let cause =
            format!("Input tag '{kind}' does not match any of the expected tags: '{known}'");
        ErrorResponse::workflow_syntax(&cause, Some((name, kind)))
    })?;
    let declared =
        specification.get("outputs").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let outputs = if declared.is_empty() {
        own_outputs(processor)
    } else {
        declared
            .iter()
            .map(|output| select(output, name, image_input, processor))
            .collect::<Result<_, _>>()?
    };
    Ok(ResolvedWorkflow {
        processor: processor.clone(),
        outputs,
        step_parameters: parameters_of(step),
    })
}

/// Reads one entry of `outputs`: a name, and a selector of an input or of a step's output.
fn select(
    output: &Value,
    step: &str,
    image_input: &str,
    processor: &ProcessorEntry,
) -> Result<WorkflowOutput, ErrorResponse> {
    let text = |name: &str| output.get(name).and_then(Value::as_str).unwrap_or_default();
    let (name, selector) = (text("name").to_owned(), text("selector"));
    let missing = |what: &str| {
        ErrorResponse::workflow(format!(
            "Workflow references '{selector}' which points to a non-existent {what}."
        ))
    };
    if let Some(input) = selector.strip_prefix("$inputs.") {
        return match input == image_input {
            true => Ok(WorkflowOutput { name, from: OutputSource::Frame, kind: OutputKind::Image }),
            false => Err(missing("input parameter")),
        };
    }
    let property = selector
        .strip_prefix("$steps.")
        .and_then(|rest| rest.strip_prefix(step))
        .and_then(|rest| rest.strip_prefix('.'))
        .ok_or_else(|| missing("block"))?;
    let declaration = processor
        .outputs()
        .iter()
        .find(|declaration| declaration.name == property)
        .ok_or_else(|| missing("property of a block"))?;
    let from = OutputSource::Processor(property.to_owned());
    Ok(WorkflowOutput { name, from, kind: declaration.kind })
}

/// What a step sets apart from its name, its type and its inputs.
fn parameters_of(step: &Value) -> Map<String, Value> {
    let is_selector = |value: &Value| value.as_str().is_some_and(|text| text.starts_with('$'));
    step.as_object()
        .into_iter()
        .flatten()
        .filter(|(name, value)| !matches!(name.as_str(), "name" | "type") && !is_selector(value))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Which outputs go into data messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DataSelection {
    /// None: metadata only.
    Metadata,
    /// All but images, and these.
    AllDataAnd(Vec<String>),
    /// These, images too.
    Named(Vec<String>),
}

impl DataSelection {
    pub(crate) fn new(names: Vec<String>) -> Self {
        let (all, names): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| name == "*");
        match (all.is_empty(), names.is_empty()) {
            (false, _) => Self::AllDataAnd(names),
            (true, false) => Self::Named(names),
            (true, true) => Self::Metadata,
        }
    }

    /// Names that are none of `outputs`.
    pub(crate) fn unknown<'a>(
        &'a self,
        outputs: &'a [WorkflowOutput],
    ) -> impl Iterator<Item = &'a str> {
        let names = match self {
            Self::Named(names) | Self::AllDataAnd(names) => names.as_slice(),
            Self::Metadata => &[],
        };
        let is_known = |name: &str| outputs.iter().any(|output| output.name == name);
        names.iter().map(String::as_str).filter(move |name| !is_known(name))
    }

    /// Whether `output` is selected.
    pub(crate) fn includes(&self, output: &WorkflowOutput) -> bool {
        match self {
            Self::Metadata => false,
            Self::AllDataAnd(names) => {
                output.kind != OutputKind::Image || names.contains(&output.name)
            }
            Self::Named(names) => names.contains(&output.name),
        }
    }
}

/// What the client wants on the video track when the session begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StreamOutput {
    /// No track.
    None,
    /// The first output that is an image, if there is a track.
    Auto,
    /// This output.
    Named(String),
}

impl StreamOutput {
    /// Like the real server, takes the first name and pays no regard to the others.
    pub(crate) fn new(names: Option<Vec<String>>) -> Self {
        match names {
            None => Self::Auto,
            Some(names) => first_name(names).map_or(Self::None, Self::Named),
        }
    }
}

/// The first name that is not empty.
pub(crate) fn first_name(names: Vec<String>) -> Option<String> {
    names.into_iter().find(|name| !name.is_empty())
}

/// Which outputs travel at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Selection {
    pub(crate) data: DataSelection,
    /// The image on the track, in sessions that have one.
    pub(crate) image: Option<String>,
}

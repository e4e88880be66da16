use serde_json::Value;
use streamsdk_protocol::init::WorkflowConfiguration;

/// What the server runs on every frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Workflow(Kind);

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Specification(Value),
    Stored { workspace: String, id: String },
}

impl Workflow {
    /// A workflow given in full, as the JSON that the workflow editor exports.
    pub fn specification(specification: Value) -> Self {
        Self(Kind::Specification(specification))
    }

    /// A workflow that the server knows by id.
    pub fn id(workspace: impl Into<String>, id: impl Into<String>) -> Self {
        Self(Kind::Stored { workspace: workspace.into(), id: id.into() })
    }

    pub(crate) fn configure(self, configuration: &mut WorkflowConfiguration) {
        match self.0 {
            Kind::Specification(specification) => {
                configuration.workflow_specification = Some(specification);
            }
            Kind::Stored { workspace, id } => {
                configuration.workspace_name = Some(workspace);
                configuration.workflow_id = Some(id);
            }
        }
    }
}

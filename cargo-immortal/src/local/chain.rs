//! Sets the chain up on the emulator, in the order in which its parts need each other.

use immortal_emulator::{Emulator, EmulatorError, Queue};

use super::{DestinationKind, code::DeployedCode, inputs::LocalInputs, plan::LocalPlan};

pub(crate) fn set_up(
    emulator: &Emulator,
    plan: &LocalPlan,
    inputs: &LocalInputs,
    code: &DeployedCode,
) -> Result<(), EmulatorError> {
    for (put, bytes) in &inputs.objects {
        emulator.put_object(&put.bucket, &put.key, bytes.clone());
    }
    emulator.create_bucket(&plan.event_bucket);
    emulator.create_queue(plan.dead_letter_queue());
    match &plan.on_success {
        Some((name, DestinationKind::Queue)) => drop(emulator.create_queue(Queue::new(name))),
        Some((name, DestinationKind::Topic)) => drop(emulator.create_topic(name)),
        Some((name, DestinationKind::Bus)) => drop(emulator.create_event_bus(name)),
        None => {}
    }
    let failure_queue = emulator.create_queue(plan.failure_queue());
    let task_definition = emulator.register_task_definition(plan.task_definition(std::env::vars()));
    let environment = emulator.environment();
    emulator.deploy(plan.primary(code.primary.zip.clone(), &environment, failure_queue.clone()))?;
    if let Some(queue) = plan.source_queue() {
        emulator.create_queue(queue);
        emulator.map_queue(&plan.source_queue, &plan.primary, 1)?;
    }
    emulator.deploy(plan.dispatcher(code.dispatcher_zip().zip.clone(), &environment, task_definition))?;
    emulator.map_queue(&plan.failure_queue, &plan.dispatcher, 10)?;
    emulator.put_task_rule(plan.task_rule(failure_queue));
    for fault in plan.faults() {
        emulator.inject(fault);
    }
    Ok(())
}

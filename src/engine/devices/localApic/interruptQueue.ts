/** Which fixed interrupts wait, which are in service, and which comes next. SDM Vol. 3A, "Interrupt, Task, and Processor Priority". */
import { VectorSet } from "./vectorSet";

export interface QueueState {
  readonly request: readonly number[];
  readonly inService: readonly number[];
  readonly triggerMode: readonly number[];
  readonly taskPriority: number;
}

const PRIORITY_CLASS = 0xf0;

export class InterruptQueue {
  readonly request = new VectorSet();
  readonly inService = new VectorSet();
  readonly triggerMode = new VectorSet();
  /** TPR, bits 7:0. */
  taskPriority = 0;

  reset(): void {
    for (const set of [this.request, this.inService, this.triggerMode]) set.load(new Array(8).fill(0)); // prettier-ignore
    this.taskPriority = 0;
  }

  accept(vector: number, isLevel: boolean): void {
    this.request.set(vector, true);
    this.triggerMode.set(vector, isLevel);
  }

  /** PPR: the higher of TPR and the class of the highest interrupt in service. */
  get processorPriority(): number {
    const served = Math.max(this.inService.highest(), 0) & PRIORITY_CLASS;
    const { taskPriority } = this;
    return (taskPriority & PRIORITY_CLASS) >= served ? taskPriority : served;
  }

  /** The vector that the processor would get; -1 if none has a higher class than PPR. */
  get deliverable(): number {
    const vector = this.request.highest();
    if (vector < 0) return -1;
    return (vector & PRIORITY_CLASS) > (this.processorPriority & PRIORITY_CLASS) ? vector : -1;
  }

  serve(vector: number): void {
    this.request.set(vector, false);
    this.inService.set(vector, true);
  }

  /** Ends the highest interrupt in service; its vector, or -1 if none was. */
  endHighest(): number {
    const vector = this.inService.highest();
    if (vector >= 0) this.inService.set(vector, false);
    return vector;
  }

  save(): QueueState {
    return {
      request: this.request.save(),
      inService: this.inService.save(),
      triggerMode: this.triggerMode.save(),
      taskPriority: this.taskPriority,
    };
  }

  load(state: QueueState): void {
    this.request.load(state.request);
    this.inService.load(state.inService);
    this.triggerMode.load(state.triggerMode);
    this.taskPriority = state.taskPriority;
  }
}

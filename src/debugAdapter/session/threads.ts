/** The only thread: the debugger shows a VCPU as a thread. */
export const THREAD_ID = 1;

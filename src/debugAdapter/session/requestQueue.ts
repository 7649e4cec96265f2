/**
 * The session's request loop: requests are answered in order from one queue, a failing handler always answers, and the few requests that
 * must work while the machine is busy jump the queue. What a request does is in requests/<topic>.ts.
 */
import { Response } from "@vscode/debugadapter";
import type { DebugProtocol } from "@vscode/debugprotocol";
import { HANDLERS, IMMEDIATE_REQUESTS } from "../requests/handlers";
import { RequestError } from "./requestError";
import { RingsideSession } from "./session";

export class QueuedSession extends RingsideSession {
  private queue: Promise<void> = Promise.resolve();

  protected override dispatchRequest(request: DebugProtocol.Request): void {
    if (IMMEDIATE_REQUESTS.has(request.command)) {
      void this.serve(request);
      return;
    }
    this.queue = this.queue.then(async () => {
      await this.serve(request);
      this.runAfterwards();
    });
  }

  private async serve(request: DebugProtocol.Request): Promise<void> {
    const response: DebugProtocol.Response = new Response(request);
    try {
      const handler = HANDLERS.get(request.command);
      if (!handler) throw new RequestError(`Unknown request "${request.command}".`);
      const body = await handler(this, (request.arguments ?? {}) as never);
      if (body !== undefined) response.body = body;
      this.sendResponse(response);
    } catch (error) {
      this.afterwards = [];
      this.answerError(response, error);
    }
  }

  private runAfterwards(): void {
    const actions = this.afterwards;
    this.afterwards = [];
    for (const action of actions) {
      try {
        action();
      } catch (error) {
        this.reportBug(error);
      }
    }
  }
}

/** The debug session that the views show: its state, and typed requests to it. */
import * as vscode from "vscode";
import type {
  EventBody,
  RequestArguments,
  RequestBody,
  RingsideRequest,
  StateBody,
} from "../debugAdapter/protocol";
import { DEBUG_TYPE } from "../debugAdapter/protocol";
import type { Reader } from "./views/row";

type StateChanged = EventBody<"ringside/stateChanged">;

const STATE_CHANGED = "ringside/stateChanged";

/** Follows all Ringside sessions and speaks for the active one. */
export class SessionModel implements Reader, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<StateChanged | undefined>();
  /** After each stop, each change while stopped, each resume, and when another session becomes the active one. */
  readonly onDidChange = this.changed.event;
  private readonly states = new Map<string, StateBody>();
  private readonly running = new Map<string, vscode.DebugSession>();
  private answers = new Map<string, Promise<unknown>>();
  private answersOf = "";
  private readonly subscriptions: vscode.Disposable[];

  constructor() {
    this.subscriptions = [
      vscode.debug.onDidReceiveDebugSessionCustomEvent((event) => {
        if (event.session.type === DEBUG_TYPE && event.event === STATE_CHANGED) {
          this.take(event.session, event.body as StateChanged);
        }
      }),
      vscode.debug.onDidStartDebugSession((session) => {
        if (session.type === DEBUG_TYPE) this.running.set(session.id, session);
      }),
      vscode.debug.onDidTerminateDebugSession((session) => {
        if (session.type !== DEBUG_TYPE) return;
        this.running.delete(session.id);
        this.states.delete(session.id);
        this.changed.fire(undefined);
      }),
      vscode.debug.onDidChangeActiveDebugSession(() => {
        this.changed.fire(undefined);
      }),
    ];
  }

  /** The session in focus, if it is ours. */
  get session(): vscode.DebugSession | undefined {
    const active = vscode.debug.activeDebugSession;
    if (active?.type === DEBUG_TYPE) return active;
    // The first events of a session come before VS Code makes it the active one.
    return active === undefined ? [...this.running.values()].at(-1) : undefined;
  }

  get sessions(): readonly vscode.DebugSession[] {
    return [...this.running.values()];
  }

  get state(): StateBody | undefined {
    const { session } = this;
    return session && this.states.get(session.id);
  }

  /** Asks the session in focus. */
  async request<R extends RingsideRequest>(
    request: R,
    args: RequestArguments<R>,
  ): Promise<RequestBody<R>> {
    const { session } = this;
    if (session === undefined) throw new Error("No Ringside session is running.");
    return (await session.customRequest(request, args)) as RequestBody<R>;
  }

  read<R extends RingsideRequest>(request: R, args: RequestArguments<R>): Promise<RequestBody<R>> {
    const moment = `${this.session?.id ?? ""}/${this.state?.generation ?? 0}`;
    if (moment !== this.answersOf) {
      this.answers = new Map();
      this.answersOf = moment;
    }
    const question = `${request} ${JSON.stringify(args)}`;
    const known = this.answers.get(question) as Promise<RequestBody<R>> | undefined;
    if (known !== undefined) return known;
    const answer = this.request(request, args);
    const { answers } = this;
    answers.set(question, answer);
    // A failure is not an answer: the next look asks again.
    answer.catch(() => answers.delete(question));
    return answer;
  }

  /** Makes every view ask again. */
  refresh(): void {
    this.answersOf = "";
    this.changed.fire(undefined);
  }

  dispose(): void {
    this.changed.dispose();
    vscode.Disposable.from(...this.subscriptions).dispose();
  }

  private take(session: vscode.DebugSession, body: StateChanged): void {
    const known = this.states.get(session.id);
    if (known !== undefined && body.state.generation < known.generation) return;
    this.running.set(session.id, session);
    this.states.set(session.id, body.state);
    // A second event of one generation ("modified") makes the answers of the first stale.
    this.answersOf = "";
    if (session.id === this.session?.id) this.changed.fire(body);
  }
}

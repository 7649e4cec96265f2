/** A variable before it becomes a DAP variable: a value, maybe children, maybe a way to set it. */

export interface VariableNode {
  /** Unique among its siblings and constant: VS Code keys expansion and change marks by it. */
  readonly name: string;
  readonly value: string;
  readonly type?: string;
  /** Expression that gives the value in watch. */
  readonly evaluateName?: string;
  readonly memoryReference?: string;
  readonly children?: () => readonly VariableNode[];
  /** Takes the text that the user typed; throws ExpressionError or UserError. */
  readonly set?: (text: string) => void;
  /** `__vscodeVariableMenuContext`. */
  readonly context?: string;
  /** Memory range for data breakpoints. */
  readonly dataId?: string;
  /** Costly to compute: shown on demand. */
  readonly lazy?: boolean;
}

/** A list of variables that can be asked for by reference. */
export interface Container {
  readonly path: string;
  readonly children: () => readonly VariableNode[];
}

/**
 * References of containers. The same path gets the same number through the whole session, so expanded nodes stay expanded;
 * but a reference is valid only in the generation in which it was given.
 */
export class ContainerHandles {
  private readonly ids = new Map<string, number>();
  private readonly live = new Map<number, Container>();

  reference(container: Container): number {
    const id = this.ids.get(container.path) ?? this.ids.size + 1;
    this.ids.set(container.path, id);
    this.live.set(id, container);
    return id;
  }

  get(reference: number): Container | undefined {
    return this.live.get(reference);
  }

  /** A new generation: what was given out is stale. */
  expire(): void {
    this.live.clear();
  }
}

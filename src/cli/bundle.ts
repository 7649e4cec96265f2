/** What the launcher finds in a bundle of commands. */
import type { Streams } from "./command";
import { processStreams } from "./processStreams";

export interface CommandBundle {
  /** Runs the command line; without streams on those of the process, whose exit status it sets. */
  readonly main: (args: readonly string[], streams?: Streams) => Promise<void>;
}

type Program = (args: readonly string[], streams: Streams) => Promise<number | undefined>;

export function bundleOf(program: Program): CommandBundle {
  return {
    main: async (args, streams) => {
      const status = await program(args, streams ?? processStreams);
      if (streams === undefined && status !== undefined) process.exitCode = status;
    },
  };
}

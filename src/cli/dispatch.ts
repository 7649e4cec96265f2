/** Finds the subcommand, and turns what goes wrong into one line and a status. */
import { UserError } from "../engine/language";
import { UsageError } from "./command";
import type { Command, Streams } from "./command";
import { EXIT } from "./exitCodes";

/** Returns the exit status; undefined: a server runs and ends the process by itself. */
export async function runCommands(
  commands: readonly Command[],
  args: readonly string[],
  streams: Streams,
): Promise<number | undefined> {
  const [name, ...rest] = args;
  if (name === undefined || ["help", "--help", "-h"].includes(name)) {
    const command = commands.find((candidate) => candidate.name === rest[0]);
    streams.out(command ? commandHelp(command) : programHelp(commands));
    return name === undefined ? EXIT.usage : EXIT.ok;
  }
  const command = commands.find((candidate) => candidate.name === name);
  if (!command) {
    streams.err(`ringside: there is no command "${name}".\n\n${programHelp(commands)}`);
    return EXIT.usage;
  }
  if (rest.includes("--help") || rest.includes("-h")) {
    streams.out(commandHelp(command));
    return EXIT.ok;
  }
  try {
    return await command.run(rest, streams);
  } catch (error) {
    return reportError(error, command, streams);
  }
}

function reportError(error: unknown, command: Command, streams: Streams): number {
  if (error instanceof UsageError) {
    streams.err(`ringside ${command.name}: ${error.message}\nusage: ${command.usage}\n`);
    return EXIT.usage;
  }
  if (error instanceof UserError) {
    streams.err(`ringside: error: ${error.message} [${error.code}]\n`);
    return EXIT.badInput;
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  streams.err(`ringside: internal error: ${stack}\n`);
  return EXIT.engineError;
}

function programHelp(commands: readonly Command[]): string {
  const rows = commands.map(({ name, summary }) => `  ${name.padEnd(8)} ${summary}`);
  return `ringside: a simulated x86 computer with a hypervisor\n\n${rows.join("\n")}\n\nringside COMMAND --help explains a command.\n`;
}

function commandHelp({ usage, summary, options }: Command): string {
  const rows = options.map((line) => `  ${line}`);
  return `${[summary, `usage: ${usage}`, ...rows].join("\n")}\n`;
}

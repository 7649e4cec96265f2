/** readMemory and writeMemory over the three address spaces. */
import { MemoryEvent } from "@vscode/debugadapter";
import type { DebugProtocol } from "@vscode/debugprotocol";
import { hex } from "../../engine/index";
import { parsePlace } from "../memoryReference";
import type { Place } from "../memoryReference";
import type { RingsideSession } from "../session/session";
import { RequestError } from "../session/requestError";
import type { HandlerTable } from "./handler";
import { invalidate } from "./variables";

/** One answer carries at most so much. */
const MAX_READ = 1 << 20;

function placeOf(session: RingsideSession, reference: string, offset: number | undefined): Place {
  const place = parsePlace(reference, (text) => session.target.address(text));
  const address = place.address + BigInt(Math.trunc(offset ?? 0));
  return { space: place.space, address: BigInt.asUintN(64, address) };
}

function readMemory(
  session: RingsideSession,
  args: DebugProtocol.ReadMemoryArguments,
): DebugProtocol.ReadMemoryResponse["body"] {
  const { space, address } = placeOf(session, args.memoryReference, args.offset);
  const wanted = Math.min(Math.max(0, args.count), MAX_READ);
  const bytes = session.target.debuggee.readMemory(space, address, wanted);
  const missing = args.count - bytes.length;
  return {
    address: hex(address),
    data: Buffer.from(bytes).toString("base64"),
    ...(missing > 0 ? { unreadableBytes: missing } : {}),
  };
}

function writeMemory(
  session: RingsideSession,
  args: DebugProtocol.WriteMemoryArguments,
): DebugProtocol.WriteMemoryResponse["body"] {
  const { debuggee } = session.target;
  const { space, address } = placeOf(session, args.memoryReference, args.offset);
  const bytes = Buffer.from(args.data, "base64");
  const room = debuggee.readMemory(space, address, bytes.length).length;
  if (room < bytes.length && !args.allowPartial) {
    throw new RequestError(`Only ${room} of ${bytes.length} bytes at ${space}:${hex(address)} can be written.`); // prettier-ignore
  }
  const bytesWritten = debuggee.writeMemory(space, address, bytes.subarray(0, room));
  session.modified();
  session.afterResponse(() => {
    session.sendEvent(new MemoryEvent(args.memoryReference, args.offset ?? 0, bytesWritten));
    invalidate(session);
  });
  return { bytesWritten };
}

export const memoryHandlers: HandlerTable = { readMemory, writeMemory };

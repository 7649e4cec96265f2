/** Call hierarchy. */
import {
  incomingCalls,
  isCallItemData,
  outgoingCalls,
  prepareCallHierarchy,
} from "../features/callHierarchy";
import { toPlace } from "../positions";
import type { Answering } from "./answering";

export function answerAboutCalls(server: Answering): void {
  const { connection } = server;
  const calls = connection.languages.callHierarchy;
  calls.onPrepare(({ textDocument: { uri }, position }) =>
    server.about("call hierarchy", uri, null, (analysis, file) =>
      prepareCallHierarchy(analysis, toPlace(file, position)),
    ),
  );
  calls.onIncomingCalls(({ item: { uri, data } }) =>
    server.guard("call hierarchy", null, () =>
      isCallItemData(data) ? incomingCalls(server.programsAt(uri), data) : null,
    ),
  );
  calls.onOutgoingCalls(({ item: { uri, data } }) =>
    server.guard("call hierarchy", null, () =>
      isCallItemData(data) ? outgoingCalls(server.programsAt(uri), data) : null,
    ),
  );
}

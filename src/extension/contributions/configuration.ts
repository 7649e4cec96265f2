/** The extension's settings; those of the language server come from its own table. */
import { SETTINGS } from "../../languageServer/protocol";

export const INLINE_HISTORY_SETTING = "ringside.inlineHistory";

export const CONFIGURATION = {
  title: "Ringside",
  properties: {
    [INLINE_HISTORY_SETTING]: {
      type: "boolean",
      default: true,
      description:
        "While stopped, show at the end of each line that just ran which registers it changed.",
    },
    ...SETTINGS,
    "ringside.languageServer.trace.server": {
      type: "string",
      enum: ["off", "messages", "verbose"],
      default: "off",
      description:
        "Write what the editor and the language server say to each other to the Output panel.",
    },
  },
};

import { describeRandomGuests } from "../support/describeRandomGuests";

// A few in the quick suite; test/conformance runs more.
describeRandomGuests(3);

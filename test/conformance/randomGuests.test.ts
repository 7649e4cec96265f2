import { describeRandomGuests } from "../support/describeRandomGuests";

describeRandomGuests(40);

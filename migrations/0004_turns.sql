CREATE TABLE "turns" (
	"front" text NOT NULL,
	"account" text NOT NULL,
	"next_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"lease_token" text,
	"lease_until" timestamp (3) with time zone,
	CONSTRAINT "turns_front_account_pk" PRIMARY KEY("front","account")
);

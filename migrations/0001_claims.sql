CREATE UNIQUE INDEX "cards_seq" ON "cards" USING btree ("seq");--> statement-breakpoint
CREATE INDEX "cards_message" ON "cards" USING btree ("front","external_id");--> statement-breakpoint
CREATE INDEX "deliveries_said" ON "deliveries" USING btree ("source","thread","received_at");--> statement-breakpoint
CREATE UNIQUE INDEX "deliveries_seq" ON "deliveries" USING btree ("seq");
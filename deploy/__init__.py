"""`make package`, plan, deploy, rollback and remove."""

"""SCF: functions run in instances, and the triggers and the API that invoke them."""

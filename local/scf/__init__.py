"""SCF: functions in instances, the triggers and the API that invoke them."""

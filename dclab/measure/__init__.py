"""The instruments: what they read and how sure they are. They know no engine and no screen."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("releases", "0001_badge")]
    operations = [
        migrations.AddField("Badge", "title", models.CharField(max_length=100, db_default="")),
    ]
